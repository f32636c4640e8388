{{- define "session-consumer.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "session-consumer.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Of every object. */}}
{{- define "session-consumer.labels" -}}
{{ include "session-consumer.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "session-consumer.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "session-consumer.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{- define "session-consumer.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end -}}
{{- end -}}

{{/* An object's name from any text (a topic, an account): what had to be changed is made distinct by a sum. */}}
{{- define "session-consumer.objectName" -}}
{{- $plain := regexReplaceAll "[^a-z0-9.-]" (lower .) "-" | trimAll "-." -}}
{{- if or (ne $plain .) (gt (len $plain) 200) -}}
{{ printf "%s-%s" (trunc 200 $plain | trimSuffix "-" | trimSuffix ".") (sha256sum . | trunc 8) }}
{{- else -}}
{{ $plain }}
{{- end -}}
{{- end -}}
