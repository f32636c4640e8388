{{/* A setting's value as its text. Numbers come as floats, and must not become 6.7108864e+07 or 1e-07. */}}
{{- define "session-consumer.text" -}}
{{- if kindIs "string" . }}{{ . }}
{{- else if and (kindIs "float64" .) (contains "e-" (toJson .)) }}{{ printf "%.9f" . | trimAll "0" | printf "0%s" }}
{{- else }}{{ toJson . }}{{ end -}}
{{- end -}}

{{/* Where settings' files are mounted. */}}
{{- define "session-consumer.directory" -}}/etc/session-consumer{{- end -}}

{{/* JSON: each account's name to its effective settings (as far as the chart reads them), `secret` and four `topics`. */}}
{{- define "session-consumer.accounts" -}}
{{- $root := . -}}
{{- $entries := .Values.accounts -}}
{{- if not $entries -}}
{{- $entries = dict (default "default" .Values.config.account) (dict "config" dict "secret" .Values.secret) -}}
{{- end -}}
{{- $accounts := dict -}}
{{- range $name, $entry := $entries -}}
{{- $own := dict -}}
{{- range $key, $value := default dict $entry.config }}{{ if ne (toString $value) "" }}{{ $_ := set $own $key $value }}{{ end }}{{ end -}}
{{- $shared := $root.Values.config -}}
{{- if or $own.zoho_data_centre $own.zoho_people_url $own.zoho_accounts_url -}}
{{- $shared = omit $shared "zoho_data_centre" "zoho_people_url" "zoho_accounts_url" -}}
{{- end -}}
{{- $settings := merge $own $shared -}}
{{- $source := $settings.source_topic -}}
{{- $topics := dict
  "source" $source
  "dead_letter" (default (printf "%s.dlq" $source) $settings.dead_letter_topic)
  "replay" (default (printf "%s.replay" $source) $settings.replay_topic)
  "outcomes" (default (printf "%s.outcomes" $source) $settings.outcomes_topic) -}}
{{- $_ := set $accounts $name (dict "settings" $settings "secret" (default dict $entry.secret) "topics" $topics) -}}
{{- end -}}
{{- toJson $accounts -}}
{{- end -}}

{{/* The Secret that External Secrets makes, for an account or (empty) for all. Of a dict: root, account. */}}
{{- define "session-consumer.externalSecretName" -}}
{{ include "session-consumer.fullname" .root }}-secret{{ if .account }}-{{ include "session-consumer.objectName" .account }}{{ end }}
{{- end -}}

{{/* The Secret that holds a `secret` value's keys; empty where there is none. Of a dict: root, account, secret. */}}
{{- define "session-consumer.secretName" -}}
{{- if .secret.existing }}{{ .secret.existing }}{{ else if .secret.external }}{{ include "session-consumer.externalSecretName" . }}{{ end -}}
{{- end -}}

{{/* The accounts file. A secret stands in it as the path of its file. */}}
{{- define "session-consumer.accountsFile" -}}
accounts:
{{- range $name, $entry := .Values.accounts }}
  {{ $name | quote }}:
    {{- range $key, $value := default dict $entry.config }}
    {{- if ne (toString $value) "" }}
    {{ $key }}: {{ include "session-consumer.text" $value | quote }}
    {{- end }}
    {{- end }}
    {{- if include "session-consumer.secretName" (dict "root" $ "account" $name "secret" (default dict $entry.secret)) }}
    {{- range tuple "ZOHO_CLIENT_SECRET" "ZOHO_REFRESH_TOKEN" }}
    {{- if include "session-consumer.accountHas" (dict "secret" $entry.secret "variable" (printf "CONSUMER_%s" .)) }}
    {{ lower . }}_file: accounts/{{ $name }}/CONSUMER_{{ . }}
    {{- end }}
    {{- end }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* Whether an account's Secret holds a variable: an existing one must, of an external one we know. */}}
{{- define "session-consumer.accountHas" -}}
{{- if or .secret.existing (hasKey (default dict .secret.external) .variable) }}true{{ end -}}
{{- end -}}

{{/* Settings as variables; none is secret. Kafka's user where it is a user's own: see kafkaEnv. Of a dict: root, user. */}}
{{- define "session-consumer.env" -}}
{{- $config := .root.Values.config -}}
{{- if (include "session-consumer.kafkaAccess" . | fromJson).username -}}{{- $config = omit $config "kafka_sasl_username" -}}{{- end -}}
{{- range $key, $value := $config }}
{{- if ne (toString $value) "" }}
- name: CONSUMER_{{ upper $key }}
  value: {{ include "session-consumer.text" $value | quote }}
{{- end }}
{{- end }}
- name: CONSUMER_SECRETS_DIR
  value: {{ include "session-consumer.directory" . }}
{{- if .root.Values.accounts }}
- name: CONSUMER_ACCOUNTS_FILE
  value: {{ include "session-consumer.directory" . }}/accounts.yaml
{{- end }}
{{- end -}}
