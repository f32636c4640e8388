{{/* Contradictions in what Kubernetes gets: the pods, what stands around them, the replay Job. */}}
{{- define "session-consumer.podProblems" -}}
{{- $problems := list -}}
{{- $grace := .Values.terminationGracePeriodSeconds -}}
{{- if lt (float64 $grace) (addf .Values.config.shutdown_seconds 5) -}}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds (%v) must be at least 5 s above config.shutdown_seconds (%v): the process would be killed while it drains." $grace .Values.config.shutdown_seconds) -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if .enabled -}}
{{- $stay := toString .minAvailable -}}
{{- $replicas := int $.Values.replicaCount -}}
{{- if ne $stay "" -}}
{{- /* Kubernetes rounds a percentage up. */ -}}
{{- $floor := trimSuffix "%" $stay | int -}}
{{- if hasSuffix "%" $stay }}{{ $floor = div (add (mul $floor $replicas) 99) 100 }}{{ end -}}
{{- if and (gt $replicas 0) (ge (int $floor) $replicas) -}}
{{- $problems = append $problems (printf "podDisruptionBudget.minAvailable (%s) forbids every eviction of %d replicas, and no node could be drained; make it smaller, or replicaCount larger." $stay $replicas) -}}
{{- end -}}
{{- if not (has (toString .maxUnavailable) (list "1" "")) -}}
{{- $problems = append $problems (printf "podDisruptionBudget.minAvailable (%s) and maxUnavailable (%v) are both set, and a budget has one; leave one out." $stay .maxUnavailable) -}}
{{- end -}}
{{- else if eq (trimSuffix "%" (toString .maxUnavailable) | int) 0 -}}
{{- $problems = append $problems "podDisruptionBudget.maxUnavailable allows no eviction, and no node could be drained; set 1." -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $limit := include "session-consumer.text" (dig "limits" "memory" "" .Values.resources) -}}
{{- $units := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]*$" $limit -}}
{{- if and (ne $limit "") (not (and (hasKey $units $unit) (regexMatch "^[0-9]+(\\.[0-9]+)?[A-Za-z]*$" $limit))) -}}
{{- $problems = append $problems (printf "resources.limits.memory (%s) can't be compared with what a full backlog takes; write it in Mi or Gi, such as 512Mi." $limit) -}}
{{- else if ne $limit "" -}}
{{- $mebibytes := divf (mulf (trimSuffix $unit $limit | float64) (index $units $unit)) 1048576 -}}
{{- $largest := .Values.config.backlog_bytes -}}
{{- range .Values.accounts }}{{ with .config }}{{ $largest = maxf $largest (default 0 .backlog_bytes) }}{{ end }}{{ end -}}
{{- $needed := add 60 (div (len .Values.accounts) 5) (div (int64 $largest) 524288) -}}
{{- if lt $mebibytes (float64 $needed) -}}
{{- $problems = append $problems (printf "resources.limits.memory (%s) is below the %dMi that a full backlog may take (60 MiB, 0.2 MiB for each account, twice backlog_bytes); raise it, or lower backlog_bytes." $limit $needed) -}}
{{- end -}}
{{- end -}}
{{- $user := dig "runAsUser" (dig "runAsUser" "" .Values.podSecurityContext) .Values.securityContext -}}
{{- $nonRoot := dig "runAsNonRoot" (dig "runAsNonRoot" false .Values.podSecurityContext) .Values.securityContext -}}
{{- if and $nonRoot (eq (toString $user) "0") -}}
{{- $problems = append $problems "runAsUser is 0 and runAsNonRoot is true: no container would start; leave runAsUser out, or name another user." -}}
{{- end -}}
{{- range $key := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" -}}
{{- if hasKey $.Values.podLabels $key -}}
{{- $problems = append $problems (printf "podLabels sets %s, by which the chart finds its pods; name another label." $key) -}}
{{- end -}}
{{- end -}}
{{- if hasKey .Values.podAnnotations "checksum/accounts" -}}
{{- $problems = append $problems "podAnnotations sets checksum/accounts, by which changed accounts restart the pods; name another annotation." -}}
{{- end -}}
{{- range .Values.extraVolumes -}}
{{- if has .name (list "settings" "tmp") -}}
{{- $problems = append $problems (printf "extraVolumes has a volume %s, and so has the chart; give it another name." .name) -}}
{{- end -}}
{{- end -}}
{{- $mounted := dict -}}
{{- range .Values.extraVolumeMounts -}}
{{- $path := clean .mountPath -}}
{{- if hasKey $mounted $path -}}
{{- $problems = append $problems (printf "extraVolumeMounts mounts %s at %s, and so it does %s; choose another place." .name .mountPath (index $mounted $path)) -}}
{{- end -}}
{{- $_ := set $mounted $path .name -}}
{{- $settings := include "session-consumer.directory" $ -}}
{{- if or (eq $path "/tmp") (eq $path $settings) (hasPrefix (printf "%s/" $settings) $path) -}}
{{- $problems = append $problems (printf "extraVolumeMounts mounts %s at %s, where the chart mounts its own; choose another place." .name .mountPath) -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- define "session-consumer.partProblems" -}}
{{- $problems := list -}}
{{- with .Values.networkPolicy -}}
{{- if and .enabled (not .brokers) -}}
{{- $problems = append $problems "networkPolicy.brokers is missing: with the policy on and no broker's address in it, Kafka could not be reached." -}}
{{- end -}}
{{- if and .enabled (eq (toString $.Values.config.traces) "otlp") (not .collector) -}}
{{- $problems = append $problems "networkPolicy.collector is empty and config.traces is otlp: no trace would get out; name the collector's pods." -}}
{{- end -}}
{{- if and .enabled $.Values.podMonitor.enabled (not .scrape) -}}
{{- $problems = append $problems "networkPolicy.scrape is empty and podMonitor is on: Prometheus would be kept out; name its pods." -}}
{{- end -}}
{{- end -}}
{{- range $part, $files := dict "prometheusRule" "files/rules/*.yaml" "dashboard" "files/dashboards/*.json" -}}
{{- with index $.Values $part -}}
{{- if and .enabled (not ($.Files.Glob $files)) -}}
{{- $problems = append $problems (printf "%s.enabled is true, but this chart has no file in %s." $part (dir $files)) -}}
{{- end -}}
{{- if and .enabled (not .runbookBaseUrl) -}}
{{- $problems = append $problems (printf "%s.runbookBaseUrl is missing: its links to the runbook would lead nowhere; say where docs/ of this repository can be read, with a slash at the end." $part) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- define "session-consumer.replayProblems" -}}
{{- $problems := list -}}
{{- with .Values.replay -}}
{{- if .enabled -}}
{{- if not .args -}}
{{- $problems = append $problems "replay.args is empty: say which dead letters, such as {--class,session_not_found,--canary,5,--yes,--reason,…}." -}}
{{- else -}}
{{- /* What it gives to which option; the command takes the word after one that is no flag as its value, whatever it is. */ -}}
{{- $flags := list "--yes" "--dry-run" "--force" "--wait" "--no-wait" "--retryable" "--not-retryable" "--help" -}}
{{- $given := dict -}}
{{- $option := "" -}}
{{- range .args -}}
{{- $word := include "session-consumer.text" . -}}
{{- if $option -}}
{{- if hasPrefix "-" $word -}}
{{- $problems = append $problems (printf "replay.args has %s after %s, which would take it as its value; put the value between (%s=%s, if it is meant so)." $word $option $option $word) -}}
{{- end -}}
{{- $_ := set $given $option $word -}}
{{- $option = "" -}}
{{- else if and (regexMatch "^(--[a-z-]+|-o)$" $word) (not (has $word $flags)) -}}
{{- $option = $word -}}
{{- else -}}
{{- $parts := splitn "=" 2 $word -}}
{{- $_ := set $given $parts._0 (ternary $parts._1 "given" (contains "=" $word)) -}}
{{- end -}}
{{- end -}}
{{- if $option -}}
{{- $problems = append $problems (printf "replay.args ends with %s, which has no value; add it." $option) -}}
{{- end -}}
{{- $accounts := keys $.Values.accounts | sortAlpha -}}
{{- $account := get $given "--account" -}}
{{- if and (gt (len $accounts) 1) (not (has $account $accounts)) -}}
{{- $problems = append $problems (printf "replay.args has %s; add --account and one of %s." (ternary (printf "--account %s, and there is none" $account) "no --account, and there are several" (ne $account "")) (join ", " $accounts)) -}}
{{- end -}}
{{- if not (or (hasKey $given "--yes") (hasKey $given "-y") (hasKey $given "--dry-run")) -}}
{{- $problems = append $problems "replay.args has no --yes: nobody can answer a question in a Job; look at it with --dry-run first." -}}
{{- else if not (or (get $given "--reason") (hasKey $given "--dry-run") (hasKey $given "--resume")) -}}
{{- $problems = append $problems "replay.args has no --reason: it stays with the run, for those who ask later why these were sent again; add --reason and a text." -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .kafka.password.secret (not .kafka.username) -}}
{{- $problems = append $problems "replay.kafka.password.secret is set without replay.kafka.username, and would not be used; name the user, or leave both out." -}}
{{- end -}}
{{- if and .kafka.username (not .kafka.password.secret) -}}
{{- $problems = append $problems "replay.kafka.username has no password: name its Secret in replay.kafka.password.secret." -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}
