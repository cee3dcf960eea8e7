{{- define "tenure.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- /* A StatefulSet adds a number and a hash, in labels of 63 characters. */ -}}
{{- $full | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tenure.serviceAccount" -}}
{{- $default := ternary (include "tenure.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $default .Values.serviceAccount.name -}}
{{- end -}}

{{- define "tenure.settingsConfigMap" -}}
{{- default (printf "%s-settings" (include "tenure.fullname" .)) .Values.existingSettingsConfigMap -}}
{{- end -}}

{{- define "tenure.modelsConfigMap" -}}
{{- default (printf "%s-models" (include "tenure.fullname" .)) .Values.models.existingConfigMap -}}
{{- end -}}

{{- define "tenure.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What selects the pods of this release, and with the component those of the daemon, not those of Jobs. */ -}}
{{- define "tenure.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tenure.daemonSelector" -}}
{{ include "tenure.selector" . }}
app.kubernetes.io/component: daemon
{{- end -}}

{{- define "tenure.labels" -}}
{{ include "tenure.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}
