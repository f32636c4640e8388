{{/* JSON: how a user ("consumer" or "replayer") gets into Kafka: username, password, certificate, ca. Of a dict: root, user. */}}
{{- define "session-consumer.kafkaAccess" -}}
{{- $values := .root.Values -}}
{{- $access := dict "username" "" "password" $values.kafka.password "certificate" $values.kafka.certificate "ca" $values.kafka.ca -}}
{{- with $values.strimzi -}}
{{- if .users.enabled -}}
{{- $user := include "session-consumer.kafkaUserName" $ -}}
{{- if eq .users.authentication "tls" -}}
{{- $_ := set $access "certificate" (dict "secret" $user "certKey" "user.crt" "keyKey" "user.key") -}}
{{- else -}}
{{- $_ := set $access "username" $user -}}
{{- $_ := set $access "password" (dict "secret" $user "key" "password") -}}
{{- end -}}
{{- if and (contains "SSL" $values.config.kafka_security_protocol) (not (or $values.kafka.ca.secret $values.kafka.ca.configMap)) -}}
{{- $_ := set $access "ca" (dict "secret" (printf "%s-cluster-ca-cert" .cluster) "configMap" "" "key" "ca.crt") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq .user "replayer" -}}
{{- with $values.replay.kafka -}}
{{- if .username }}{{ $_ := set $access "username" .username }}{{ $_ := set $access "password" .password }}{{ end -}}
{{- if .certificate.secret }}{{ $_ := set $access "certificate" .certificate }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson $access -}}
{{- end -}}

{{- define "session-consumer.kafkaUserName" -}}
{{ include "session-consumer.fullname" .root }}{{ if eq .user "replayer" }}-replayer{{ end }}
{{- end -}}

{{/* The variables that name the mounted files, and the user. Of a dict: root, user. */}}
{{- define "session-consumer.kafkaEnv" -}}
{{- $access := include "session-consumer.kafkaAccess" . | fromJson -}}
{{- $directory := printf "%s/kafka" (include "session-consumer.directory" .) -}}
{{- if $access.username }}
- name: CONSUMER_KAFKA_SASL_USERNAME
  value: {{ $access.username | quote }}
{{- end }}
{{- if or $access.ca.secret $access.ca.configMap }}
- name: CONSUMER_KAFKA_SSL_CA_FILE
  value: {{ $directory }}/ca.crt
{{- end }}
{{- if $access.certificate.secret }}
- name: CONSUMER_KAFKA_SSL_CERT_FILE
  value: {{ $directory }}/client.crt
- name: CONSUMER_KAFKA_SSL_KEY_FILE
  value: {{ $directory }}/client.key
{{- end }}
{{- end -}}

{{/* What a projected volume has to hold for Kafka. Of a dict: root, user. */}}
{{- define "session-consumer.kafkaSources" -}}
{{- $access := include "session-consumer.kafkaAccess" . | fromJson -}}
{{- with $access.password }}
{{- if .secret }}
- secret:
    name: {{ .secret }}
    items:
      - key: {{ .key }}
        path: CONSUMER_KAFKA_SASL_PASSWORD
{{- end }}
{{- end }}
{{- with $access.ca }}
{{- if or .secret .configMap }}
- {{ ternary "secret" "configMap" (ne .secret "") }}:
    name: {{ default .configMap .secret }}
    items:
      - key: {{ .key }}
        path: kafka/ca.crt
{{- end }}
{{- end }}
{{- with $access.certificate }}
{{- if .secret }}
- secret:
    name: {{ .secret }}
    items:
      - key: {{ .certKey }}
        path: kafka/client.crt
      - key: {{ .keyKey }}
        path: kafka/client.key
{{- end }}
{{- end }}
{{- end -}}
