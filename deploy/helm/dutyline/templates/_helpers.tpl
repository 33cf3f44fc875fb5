{{- define "dutyline.labels" -}}
app.kubernetes.io/name: dutyline
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "dutyline.selector" -}}
app.kubernetes.io/name: dutyline
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- /* Of each container: no root, nothing writable but /tmp and /var/lib/dutyline. */ -}}
{{- define "dutyline.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "dutyline.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "dutyline.env" -}}
- { name: ENVIRONMENT, value: production }
- { name: PUBLIC_BASE_URL, value: {{ printf "https://%s" .Values.hostName | quote }} }
- { name: ALLOWED_HOSTS, value: {{ .Values.hostName | quote }} }
{{- range $name, $value := .Values.settings }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- if .Values.metrics.enabled }}
- { name: METRICS_ADDRESS, value: 0.0.0.0 }
- { name: METRICS_PORTS, value: "{{ first .Values.metrics.ports }}-{{ last .Values.metrics.ports }}" }
{{- end }}
{{- range concat .Values.secrets.required .Values.secrets.optional }}
- { name: {{ . }}_FILE, value: /run/secrets/dutyline/{{ . }} }
{{- end }}
{{- end }}

{{- define "dutyline.mounts" -}}
- { name: tmp, mountPath: /tmp }
- { name: state, mountPath: /var/lib/dutyline }
- { name: secrets, mountPath: /run/secrets/dutyline, readOnly: true }
{{- end }}

{{- define "dutyline.volumes" -}}
- name: tmp
  emptyDir: { sizeLimit: 1Gi }
- name: state
  emptyDir: { sizeLimit: 64Mi }
- name: secrets
  secret:
    secretName: {{ .Values.secrets.existingSecret }}
    defaultMode: 0440
    items:
      {{- range concat .Values.secrets.required .Values.secrets.optional }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
      {{- with .Values.secrets.postgresAuthorities }}
      - { key: {{ . }}, path: postgres-ca.pem }
      {{- end }}
{{- end }}
