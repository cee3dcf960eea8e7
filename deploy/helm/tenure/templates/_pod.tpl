{{- /* What the pods of the daemon and of Jobs have in common. */ -}}
{{- define "tenure.podSpec" -}}
serviceAccountName: {{ include "tenure.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  # Not at every start: a state can have many files.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- define "tenure.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "tenure.resources" -}}
{{- $resources := deepCopy .Values.resources -}}
{{- range list "requests" "limits" -}}
{{- $amounts := default dict (get $resources .) -}}
{{- if hasKey $amounts "memory" -}}
{{- fail (printf "resources.%s.memory: set memory instead, which is request and limit" .) -}}
{{- end -}}
{{- $_ := set $amounts "memory" (include "tenure.memory" $) -}}
{{- $_ = set $resources . $amounts -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{- /* The container without arguments, probes and ports. */ -}}
{{- define "tenure.container" -}}
image: {{ include "tenure.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
# The reason of an exit is in the last lines of the log.
terminationMessagePolicy: FallbackToLogsOnError
env:
- name: TENURE__KAFKA__INSTANCE
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: TENURE__HTTP__LISTEN
  value: {{ printf "%s:8080" .Values.listenAddress | quote }}
- name: TENURE__STORE__PATH
  value: /var/lib/tenure
{{- with include "tenure.modelNames" . | fromJsonArray }}
- name: TENURE__MODELS
  value: {{ printf "/etc/tenure/models/%s" (join ",/etc/tenure/models/" .) }}
{{- end }}
{{- with .Values.secrets }}
{{- if .password.name }}
- name: TENURE__KAFKA__SECURITY__PASSWORD_FILE
  value: /etc/tenure/secrets/password
{{- end }}
{{- if .ca.name }}
- name: TENURE__KAFKA__SECURITY__CA_FILE
  value: /etc/tenure/secrets/ca.crt
{{- end }}
{{- if .certificate.name }}
- name: TENURE__KAFKA__SECURITY__CERTIFICATE_FILE
  value: /etc/tenure/secrets/tls.crt
- name: TENURE__KAFKA__SECURITY__KEY_FILE
  value: /etc/tenure/secrets/tls.key
{{- end }}
{{- if .keyPassword.name }}
- name: TENURE__KAFKA__SECURITY__KEY_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .keyPassword.name }}, key: {{ .keyPassword.key }}}}
{{- end }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
resources: {{- include "tenure.resources" . | nindent 2 }}
securityContext: {{- include "tenure.containerSecurity" . | nindent 2 }}
volumeMounts:
- {name: settings, mountPath: /etc/tenure/settings, readOnly: true}
- {name: models, mountPath: /etc/tenure/models, readOnly: true}
{{- if include "tenure.hasSecretFiles" . }}
- {name: secrets, mountPath: /etc/tenure/secrets, readOnly: true}
{{- end }}
- {name: state, mountPath: /var/lib/tenure}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "tenure.hasSecretFiles" -}}
{{- with .Values.secrets -}}
{{- if or .password.name .ca.name .certificate.name -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The volumes but that of the state. */ -}}
{{- define "tenure.volumes" -}}
- name: settings
  configMap: {name: {{ include "tenure.settingsConfigMap" . }}}
- name: models
  configMap: {name: {{ include "tenure.modelsConfigMap" . }}}
- name: tmp
  emptyDir: {}
{{- if include "tenure.hasSecretFiles" . }}
- name: secrets
  projected:
    # For the group of the process (fsGroup).
    defaultMode: 0440
    sources:
    {{- with .Values.secrets.password }}
    {{- if .name }}
    - secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: password}]}
    {{- end }}
    {{- end }}
    {{- with .Values.secrets.ca }}
    {{- if .name }}
    - secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: ca.crt}]}
    {{- end }}
    {{- end }}
    {{- with .Values.secrets.certificate }}
    {{- if .name }}
    - secret:
        name: {{ .name }}
        items:
        - {key: {{ .certificateKey }}, path: tls.crt}
        - {key: {{ .privateKeyKey }}, path: tls.key}
    {{- end }}
    {{- end }}
{{- end }}
{{- end -}}
