{{/* What every pod of the chart has, whatever runs in it. */}}
{{- define "session-consumer.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "session-consumer.podMetadata" -}}
labels:
  {{- include "session-consumer.selectorLabels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The image and how it runs. */}}
{{- define "session-consumer.container" -}}
image: {{ include "session-consumer.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
{{- end -}}

{{/* Settings' files and a place to write. Nothing by subPath: only whole directories follow a changed Secret. */}}
{{- define "session-consumer.mounts" -}}
- name: settings
  mountPath: {{ include "session-consumer.directory" . }}
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of a dict: root, sources (the projected volume's, as YAML). */}}
{{- define "session-consumer.volumes" -}}
- name: settings
  projected:
    defaultMode: 0440
    sources: {{- if .sources }}{{ .sources | nindent 6 }}{{ else }} []{{ end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What a command for Kafka alone (`topics`, `dlq`) may see: no Zoho credential. Of a dict: root, user, accountsFrom. */}}
{{- define "session-consumer.kafkaOnlySources" -}}
{{- $access := include "session-consumer.kafkaAccess" . | fromJson -}}
{{- $keys := list -}}
{{- if not (or $access.username .root.Values.config.kafka_sasl_username) }}{{ $keys = append $keys "CONSUMER_KAFKA_SASL_USERNAME" }}{{ end -}}
{{- if not $access.password.secret }}{{ $keys = append $keys "CONSUMER_KAFKA_SASL_PASSWORD" }}{{ end -}}
{{- $secret := include "session-consumer.secretName" (dict "root" .root "account" "" "secret" .root.Values.secret) -}}
{{- if and $secret $keys }}
- secret:
    name: {{ $secret }}
    optional: true
    items:
      {{- range $keys }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
{{- end }}
{{- include "session-consumer.kafkaSources" . }}
{{- if .root.Values.accounts }}
- configMap:
    name: {{ .accountsFrom }}
{{- end }}
{{- end -}}

{{- /* All that the consumer reads from files: credentials, the accounts file, Kafka's. */}}
{{- define "session-consumer.sources" -}}
{{- $sources := list }}
{{- with include "session-consumer.secretName" (dict "root" . "account" "" "secret" .Values.secret) }}
{{- $sources = append $sources (printf "- secret:\n    name: %s" .) }}
{{- end }}
{{- range $name, $entry := .Values.accounts }}
{{- with include "session-consumer.secretName" (dict "root" $ "account" $name "secret" (default dict $entry.secret)) }}
{{- $items := list }}
{{- range tuple "CONSUMER_ZOHO_CLIENT_SECRET" "CONSUMER_ZOHO_REFRESH_TOKEN" }}
{{- if include "session-consumer.accountHas" (dict "secret" $entry.secret "variable" .) }}
{{- $items = append $items (dict "key" . "path" (printf "accounts/%s/%s" $name .)) }}
{{- end }}
{{- end }}
{{- $sources = append $sources (toYaml (list (dict "secret" (dict "name" . "items" $items)))) }}
{{- end }}
{{- end }}
{{- if .Values.accounts }}
{{- $sources = append $sources (printf "- configMap:\n    name: %s" (include "session-consumer.fullname" .)) }}
{{- end }}
{{- with include "session-consumer.kafkaSources" (dict "root" . "user" "consumer") }}
{{- $sources = append $sources (trim .) }}
{{- end }}
{{- join "\n" $sources }}
{{- end }}
