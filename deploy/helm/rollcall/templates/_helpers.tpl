{{- define "rollcall.name" -}}
{{- $name := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- $name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "rollcall.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rollcall.labels" -}}
{{ include "rollcall.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "rollcall.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "rollcall.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{/* Environment of every process. */}}
{{- define "rollcall.env" -}}
{{- $v := .Values -}}
ROLLCALL_LISTEN: 0.0.0.0:8080
ROLLCALL_OPS_LISTEN: 0.0.0.0:8081
ROLLCALL_BROKERS: {{ join "," $v.kafka.brokers | quote }}
ROLLCALL_REDIS: {{ $v.redis.url | quote }}
ROLLCALL_REDIS_PREFIX: {{ $v.redis.prefix | quote }}
ROLLCALL_GROUP: {{ $v.group | quote }}
ROLLCALL_PARTITIONS: {{ $v.partitions | quote }}
ROLLCALL_REPLICATION: {{ $v.replication | quote }}
{{- if $v.kafka.tls.enabled }}
ROLLCALL_KAFKA_TLS: "true"
{{- end }}
{{- with $v.kafka.tls.ca }}
ROLLCALL_KAFKA_CA_FILE: {{ printf "/etc/rollcall/kafka-tls/%s" . | quote }}
{{- end }}
{{- if $v.kafka.tls.clientCertificate }}
ROLLCALL_KAFKA_CERT_FILE: /etc/rollcall/kafka-tls/tls.crt
ROLLCALL_KAFKA_KEY_FILE: /etc/rollcall/kafka-tls/tls.key
{{- end }}
{{- if $v.kafka.sasl.mechanism }}
ROLLCALL_KAFKA_SASL: {{ $v.kafka.sasl.mechanism }}
ROLLCALL_KAFKA_USER: {{ $v.kafka.sasl.user | quote }}
ROLLCALL_KAFKA_PASSWORD_FILE: /etc/rollcall/kafka-password/password
{{- end }}
{{- with $v.redis.user }}
ROLLCALL_REDIS_USER: {{ . | quote }}
{{- end }}
{{- if $v.redis.password.secret }}
ROLLCALL_REDIS_PASSWORD_FILE: /etc/rollcall/redis-password/password
{{- end }}
{{- with $v.redis.tls.ca }}
ROLLCALL_REDIS_CA_FILE: {{ printf "/etc/rollcall/redis-tls/%s" . | quote }}
{{- end }}
{{- if $v.redis.tls.clientCertificate }}
ROLLCALL_REDIS_CERT_FILE: /etc/rollcall/redis-tls/tls.crt
ROLLCALL_REDIS_KEY_FILE: /etc/rollcall/redis-tls/tls.key
{{- end }}
{{- if $v.inputs }}
ROLLCALL_INPUTS: /etc/rollcall/inputs/inputs.json
{{- end }}
{{- end }}

{{/* Volumes of every process, by name: where what they hold comes from. */}}
{{- define "rollcall.volumes" -}}
{{- $v := .Values -}}
{{- with $v.kafka.tls.secret }}
kafka-tls: { secret: { secretName: {{ . }} } }
{{- end }}
{{- if $v.kafka.sasl.mechanism }}
kafka-password: { secret: { secretName: {{ $v.kafka.sasl.secret }}, items: [{ key: {{ $v.kafka.sasl.key }}, path: password }] } }
{{- end }}
{{- with $v.redis.tls.secret }}
redis-tls: { secret: { secretName: {{ . }} } }
{{- end }}
{{- with $v.redis.password.secret }}
redis-password: { secret: { secretName: {{ . }}, items: [{ key: {{ $v.redis.password.key }}, path: password }] } }
{{- end }}
{{- if $v.inputs }}
inputs: { configMap: { name: {{ include "rollcall.name" . }}-inputs } }
{{- end }}
{{- end }}

{{/*
A Deployment of one role, given as a dict: root, role, env and volumes of that
role beside those of all, and drain, in seconds.
*/}}
{{- define "rollcall.deployment" -}}
{{- $root := .root }}
{{- $own := index $root.Values .role }}
{{- $env := mergeOverwrite (include "rollcall.env" $root | fromYaml) $root.Values.env .env }}
{{- $volumes := merge (include "rollcall.volumes" $root | fromYaml) .volumes }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "rollcall.name" $root }}-{{ .role }}
  labels:
    {{- include "rollcall.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
spec:
  replicas: {{ $own.replicas }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate:
      {{- .rollingUpdate | nindent 6 }}
  selector:
    matchLabels:
      {{- include "rollcall.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .role }}
  template:
    metadata:
      labels:
        {{- include "rollcall.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .role }}
      annotations:
        # Processes read the file when they start.
        checksum/inputs: {{ $root.Values.inputs | toJson | sha256sum }}
        {{- with $own.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "rollcall.serviceAccount" $root }}
      automountServiceAccountToken: false
      # Variables of Services named rollcall-... would look like flags.
      enableServiceLinks: false
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile:
          type: RuntimeDefault
      terminationGracePeriodSeconds: {{ add .drain 15 }}
      topologySpreadConstraints:
        {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "rollcall.selector" $root | nindent 14 }}
              app.kubernetes.io/component: {{ $.role }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      containers:
        - name: rollcall
          image: {{ printf "%s:%s" $root.Values.image.repository ($root.Values.image.tag | default $root.Chart.AppVersion) | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [serve]
          env:
            {{- range $name, $value := $env }}
            - name: {{ $name }}
              value: {{ $value | toString | quote }}
            {{- end }}
          ports:
            {{- if eq .role "api" }}
            - name: http
              containerPort: 8080
            {{- end }}
            - name: ops
              containerPort: 8081
          # Both ask whether the process answers at all, which it does while
          # Kafka or Redis are down: a restart would mend nothing. Before it
          # listens it has found both, or has ended by itself.
          startupProbe:
            httpGet: { path: /healthz, port: ops }
            periodSeconds: 2
            failureThreshold: 90
          livenessProbe:
            httpGet: { path: /healthz, port: ops }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          # Whether its answers are fresh, and nothing is lost.
          readinessProbe:
            httpGet: { path: /readyz, port: ops }
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 3
          {{- if .drain }}
          lifecycle:
            preStop:
              sleep:
                seconds: {{ .drain }}
          {{- end }}
          resources:
            {{- toYaml $own.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          {{- if $volumes }}
          volumeMounts:
            {{- range $name, $from := $volumes }}
            - name: {{ $name }}
              mountPath: /etc/rollcall/{{ $name }}
              readOnly: true
            {{- end }}
      volumes:
        {{- range $name, $from := $volumes }}
        - name: {{ $name }}
          {{- toYaml $from | nindent 10 }}
        {{- end }}
          {{- end }}
      {{- with $own.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $own.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $own.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
