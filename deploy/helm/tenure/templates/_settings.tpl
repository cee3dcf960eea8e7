{{- /* The seconds of a duration such as 1m30s, rounded up. */ -}}
{{- define "tenure.seconds" -}}
{{- $millis := 0 -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- $millis = add $millis (mul (regexFind "[0-9]+" . | int64) (get $units $unit)) -}}
{{- end -}}
{{- div (add $millis 999) 1000 -}}
{{- end -}}

{{- /* The MiB of a size such as 1GiB, rounded up. */ -}}
{{- define "tenure.mebibytes" -}}
{{- $number := regexFind "[0-9]+" (toString .) | int64 -}}
{{- $unit := regexFind "[A-Za-z]+" (toString .) -}}
{{- $bytes := mul $number (get (dict "" 1 "KiB" 1024 "MiB" 1048576 "GiB" 1073741824) $unit) -}}
{{- div (add $bytes 1048575) 1048576 -}}
{{- end -}}

{{- /* The memory of the container; values.yaml has the reasons of the formula. */ -}}
{{- define "tenure.memory" -}}
{{- if .Values.memory -}}
{{- .Values.memory -}}
{{- else -}}
{{- $settings := .Values.settings -}}
{{- $workers := int $settings.runtime.workers -}}
{{- if not $workers -}}
{{- fail "settings.runtime.workers: 0 means the cores of the node, for which there is no formula of the memory. Set it, or set memory" -}}
{{- end -}}
{{- $store := include "tenure.mebibytes" $settings.store.memory | int -}}
{{- $buffers := include "tenure.mebibytes" $settings.runtime.buffer_memory | int -}}
{{- $shared := div (add (mul 5 (add $store $buffers)) 3) 4 -}}
{{- printf "%dMi" (add $shared (mul 64 $workers) 128) -}}
{{- end -}}
{{- end -}}

{{- /* The names of the models to load, as a JSON list; empty if only the settings file names them. */ -}}
{{- define "tenure.modelNames" -}}
{{- $models := .Values.models -}}
{{- $names := $models.names -}}
{{- if and (not $names) $models.files (not $models.existingConfigMap) -}}
{{- $names = keys $models.files | sortAlpha -}}
{{- end -}}
{{- if and $models.existingConfigMap $models.files -}}
{{- fail "models: set either files or existingConfigMap" -}}
{{- else if not (or $models.existingConfigMap $models.files) -}}
{{- fail "models.files: a model is required: --set-file 'models.files.retail\\.yaml=retail.yaml'. `tenure new retail retail.yaml` writes one that ships with the program" -}}
{{- else if and $models.existingConfigMap (not $names) (not .Values.existingSettingsConfigMap) -}}
{{- fail "models.names: name the files of models.existingConfigMap that are to be loaded, such as [retail.yaml]" -}}
{{- end -}}
{{- range $names -}}
{{- if and $models.files (not (hasKey $models.files .)) -}}
{{- fail (printf "models.names: %s is not in models.files, which has %s" . (keys $models.files | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{- /* A table of settings as TOML: {path, table}. JSON writes texts, numbers and lists of them as TOML does. */ -}}
{{- define "tenure.toml" -}}
{{- $path := .path -}}
{{- range $key, $value := .table -}}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value) (include "tenure.isTables" $value)) }}
{{ include "tenure.tomlKey" $key }} = {{ include "tenure.tomlValue" $value }}
{{- end -}}
{{- end -}}
{{- range $key, $value := .table -}}
{{- $name := include "tenure.tomlKey" $key -}}
{{- if $path -}}
{{- $name = printf "%s.%s" $path $name -}}
{{- end -}}
{{- if kindIs "map" $value }}

[{{ $name }}]
{{- include "tenure.toml" (dict "path" $name "table" $value) -}}
{{- else if include "tenure.isTables" $value -}}
{{- range $value }}

[[{{ $name }}]]
{{- include "tenure.toml" (dict "path" $name "table" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tenure.isTables" -}}
{{- if and (kindIs "slice" .) . -}}
{{- if kindIs "map" (first .) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tenure.tomlKey" -}}
{{- ternary . (toJson .) (regexMatch "^[A-Za-z0-9_-]+$" .) -}}
{{- end -}}

{{- define "tenure.tomlValue" -}}
{{- if kindIs "map" . -}}
{{- $pairs := list -}}
{{- range $key, $value := . -}}
{{- $pairs = append $pairs (printf "%s = %s" (include "tenure.tomlKey" $key) (include "tenure.tomlValue" $value)) -}}
{{- end -}}
{ {{ join ", " $pairs }} }
{{- else if kindIs "slice" . -}}
{{- $elements := list -}}
{{- range . -}}
{{- $elements = append $elements (include "tenure.tomlValue" .) -}}
{{- end -}}
[{{ join ", " $elements }}]
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{- /* The settings file, after its required settings were checked. */ -}}
{{- define "tenure.settings" -}}
{{- $kafka := .Values.settings.kafka -}}
{{- $_ := required "settings.kafka.app is required: the consumer group, and the prefix of transactional ids. It has to differ from that of every other deployment on these brokers, in whatever namespace" $kafka.app -}}
{{- $_ = required "settings.kafka.brokers is required: host:port, comma-separated" $kafka.brokers -}}
{{- $protocol := dig "security" "protocol" "" $kafka -}}
{{- $has := or .Values.secrets.password.name (dig "security" "password_file" "" $kafka) -}}
{{- range .Values.env -}}
{{- $has = or $has (hasPrefix "TENURE__KAFKA__SECURITY__PASSWORD" .name) -}}
{{- end -}}
{{- if and (hasPrefix "sasl" $protocol) (not $has) -}}
{{- fail (printf "secrets.password.name: settings.kafka.security.protocol is %s, which needs a Secret with the password" $protocol) -}}
{{- end -}}
# Rendered from `settings`. The environment of the container overrides it.
{{- include "tenure.toml" (dict "path" "" "table" .Values.settings) }}
{{ end -}}
