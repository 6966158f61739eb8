{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* What the other templates have in common. `component` is agent, csi-node or csi-controller. */}}

{{- define "shoal.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* selector (dict "component" X): never changes, selectors of running objects are immutable. */}}
{{- define "shoal.selector" -}}
app.kubernetes.io/name: shoal
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "shoal.labels" -}}
app.kubernetes.io/name: shoal
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* annotations of pods: (dict "root" . "port" PORT "own" ANNOTATIONS) */}}
{{- define "shoal.podAnnotations" -}}
{{- if .root.Values.monitoring.annotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | toString | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- with .own }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "shoal.agentPort" -}}
{{ regexFind "[0-9]+$" .Values.agent.metricsAddress }}
{{- end }}

{{/* An agent that listens on one address of the node alone is asked there. */}}
{{- define "shoal.agentHealth" -}}
path: /healthz
port: metrics
{{- $host := regexReplaceAll ":[0-9]+$" .Values.agent.metricsAddress "" }}
{{- if not (has $host (list "" "0.0.0.0" "[::]")) }}
host: {{ $host | trimAll "[]" | quote }}
{{- end }}
{{- end }}

{{- define "shoal.pluginPath" -}}
{{ .Values.kubeletPath }}/plugins/{{ .Values.driverName }}
{{- end }}

{{- define "shoal.unprivileged" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
