{{/* Contradictions, all at once, each in a sentence that says how to mend it. */}}
{{- define "session-consumer.refuse" -}}
{{- $problems := concat
  (include "session-consumer.settingsProblems" . | fromJsonArray)
  (include "session-consumer.accountProblems" . | fromJsonArray)
  (include "session-consumer.kafkaProblems" . | fromJsonArray)
  (include "session-consumer.podProblems" . | fromJsonArray)
  (include "session-consumer.partProblems" . | fromJsonArray) -}}
{{- with $problems -}}
{{- fail (printf "\n\nThe values can't be used:\n- %s\n" (join "\n- " .)) -}}
{{- end -}}
{{- end -}}

{{- define "session-consumer.settingsProblems" -}}
{{- $problems := list -}}
{{- with .Values.config -}}
{{- if not .kafka_bootstrap_servers -}}
{{- $problems = append $problems "config.kafka_bootstrap_servers is missing: host:port of the brokers, several with commas between." -}}
{{- end -}}
{{- if has .http_host (list "127.0.0.1" "::1" "localhost") -}}
{{- $problems = append $problems (printf "config.http_host is %s, which no probe can reach; leave it out." .http_host) -}}
{{- end -}}
{{- if eq (int .http_port) 0 -}}
{{- $problems = append $problems "config.http_port is 0, any free port, and the probes need to know it; set a number." -}}
{{- end -}}
{{- if le (sub (int (mulf .shutdown_seconds 1000)) (int (mulf .kafka_session_timeout_seconds 200))) 0 -}}
{{- $problems = append $problems (printf "config.kafka_session_timeout_seconds (%v) must be below 5 times config.shutdown_seconds (%v): a heartbeat comes every fifth of it, and a hand-over is over by then." .kafka_session_timeout_seconds .shutdown_seconds) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.accounts .Values.config.account -}}
{{- $problems = append $problems "config.account is set, but the accounts have their names in `accounts`; leave it out." -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if hasPrefix "CONSUMER_" .name -}}
{{- $problems = append $problems (printf "extraEnv sets %s; settings belong in `config`, and secrets in `secret`, where they can change without a restart." .name) -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- define "session-consumer.accountProblems" -}}
{{- $problems := list -}}
{{- $root := . -}}
{{- $owners := dict -}}
{{- range $name, $account := include "session-consumer.accounts" . | fromJson -}}
{{- $place := ternary (printf "accounts.%s" $name) "" (gt (len $root.Values.accounts) 0) -}}
{{- $in := ternary (printf "%s.config" $place) "config" (ne $place "") -}}
{{- $secret := ternary (printf "%s.secret" $place) "secret" (ne $place "") -}}
{{- with $account.settings -}}
{{- if not .zoho_time_zone -}}
{{- $problems = append $problems (printf "%s.zoho_time_zone is missing: the portal's zone, such as Asia/Kolkata. A wrong one moves every session." $in) -}}
{{- end -}}
{{- if gt (addf .zoho_timeout_seconds 5) (float64 $root.Values.config.shutdown_seconds) -}}
{{- $problems = append $problems (printf "%s.zoho_timeout_seconds (%v) must be at least 5 s below config.shutdown_seconds (%v): a call in flight has to end before the stop does." $in .zoho_timeout_seconds $root.Values.config.shutdown_seconds) -}}
{{- end -}}
{{- if and .zoho_data_centre (or .zoho_people_url .zoho_accounts_url) -}}
{{- $problems = append $problems (printf "%s: zoho_data_centre and a URL both say where Zoho is; keep the data centre, or both URLs." $in) -}}
{{- else if ne (empty .zoho_people_url) (empty .zoho_accounts_url) -}}
{{- $problems = append $problems (printf "%s: zoho_people_url and zoho_accounts_url go together; set both or neither." $in) -}}
{{- end -}}
{{- end -}}
{{- if and $account.secret.existing $account.secret.external -}}
{{- $problems = append $problems (printf "%s.existing and %s.external are two sources of one secret; keep one." $secret $secret) -}}
{{- else if not (or $account.secret.existing $account.secret.external) -}}
{{- $problems = append $problems (printf "%s has no credential for Zoho: name an existing Secret in %s.existing, or what External Secrets shall fetch in %s.external." (default "secret" $place) $secret $secret) -}}
{{- end -}}
{{- range $role, $topic := $account.topics -}}
{{- $owner := index $owners $topic -}}
{{- if $owner -}}
{{- $problems = append $problems (printf "Topic %s belongs to %s and to %s; a topic has one account and one use, name another." $topic $owner (printf "%s (%s)" $name $role)) -}}
{{- else -}}
{{- $_ := set $owners $topic (printf "%s (%s)" $name $role) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.accounts .Values.secret.existing .Values.secret.external -}}
{{- $problems = append $problems "secret.existing and secret.external are two sources of one secret; keep one." -}}
{{- end -}}
{{- $external := .Values.secret.external -}}
{{- range .Values.accounts }}{{ with .secret }}{{ if .external }}{{ $external = .external }}{{ end }}{{ end }}{{ end -}}
{{- if and $external (not .Values.externalSecrets.store.name) -}}
{{- $problems = append $problems "externalSecrets.store.name is missing: the store that secret.external is read from." -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

{{- define "session-consumer.kafkaProblems" -}}
{{- $problems := list -}}
{{- $protocol := .Values.config.kafka_security_protocol -}}
{{- $sasl := contains "SASL" $protocol -}}
{{- $tls := contains "SSL" $protocol -}}
{{- $access := include "session-consumer.kafkaAccess" (dict "root" . "user" "consumer") | fromJson -}}
{{- $mechanism := .Values.config.kafka_sasl_mechanism -}}
{{- $inFile := or .Values.secret.existing (hasKey .Values.secret.external "CONSUMER_KAFKA_SASL_PASSWORD") -}}
{{- $userInFile := or .Values.secret.existing (hasKey .Values.secret.external "CONSUMER_KAFKA_SASL_USERNAME") -}}
{{- if $sasl -}}
{{- if not $mechanism -}}
{{- $problems = append $problems (printf "config.kafka_sasl_mechanism is missing: %s needs it." $protocol) -}}
{{- end -}}
{{- if not (or $access.username .Values.config.kafka_sasl_username $userInFile) -}}
{{- $problems = append $problems (printf "config.kafka_sasl_username is missing: %s needs it." $protocol) -}}
{{- end -}}
{{- if not (or $access.password.secret $inFile) -}}
{{- $problems = append $problems (printf "There is no password for Kafka, and %s needs it: name its Secret in kafka.password.secret, or put CONSUMER_KAFKA_SASL_PASSWORD into `secret`." $protocol) -}}
{{- end -}}
{{- else if or $mechanism .Values.config.kafka_sasl_username $access.username $access.password.secret -}}
{{- $problems = append $problems (printf "A SASL user, mechanism or password is set, but config.kafka_security_protocol %s does not use it; set SASL_SSL, or leave them out." $protocol) -}}
{{- end -}}
{{- if and (not $tls) (or $access.ca.secret $access.ca.configMap $access.certificate.secret) -}}
{{- $problems = append $problems (printf "A CA or a client's certificate is set for Kafka, but config.kafka_security_protocol %s does not use it; set SSL or SASL_SSL." $protocol) -}}
{{- end -}}
{{- with .Values.kafka -}}
{{- if and .ca.secret .ca.configMap -}}
{{- $problems = append $problems "kafka.ca.secret and kafka.ca.configMap are two sources of one file; keep one." -}}
{{- end -}}
{{- if and .password.secret (hasKey $.Values.secret.external "CONSUMER_KAFKA_SASL_PASSWORD") -}}
{{- $problems = append $problems "kafka.password.secret and CONSUMER_KAFKA_SASL_PASSWORD in secret.external are two sources of one password; keep one." -}}
{{- end -}}
{{- end -}}
{{- with .Values.strimzi -}}
{{- if and (or .topics.enabled .users.enabled) (not .cluster) -}}
{{- $problems = append $problems "strimzi.cluster is missing: topics and users belong to a Kafka resource." -}}
{{- end -}}
{{- if .users.enabled -}}
{{- if or $.Values.kafka.password.secret $.Values.kafka.certificate.secret $.Values.config.kafka_sasl_username -}}
{{- $problems = append $problems "strimzi.users makes the user and its secret, but kafka.password, kafka.certificate or config.kafka_sasl_username name another; keep one." -}}
{{- end -}}
{{- if and (eq .users.authentication "tls") (ne $protocol "SSL") -}}
{{- $problems = append $problems (printf "strimzi.users.authentication tls goes with config.kafka_security_protocol SSL, not %s." $protocol) -}}
{{- end -}}
{{- if and (eq .users.authentication "scram-sha-512") (or (not $sasl) (ne (default "" $mechanism) "SCRAM-SHA-512")) -}}
{{- $problems = append $problems "strimzi.users.authentication scram-sha-512 goes with config.kafka_sasl_mechanism SCRAM-SHA-512 and a SASL protocol." -}}
{{- end -}}
{{- if or $.Values.config.create_topics $.Values.topics.enabled -}}
{{- $problems = append $problems "strimzi.users gives the consumer no right to create topics; leave config.create_topics and topics.enabled off, and use strimzi.topics." -}}
{{- end -}}
{{- end -}}
{{- if and .topics.enabled $.Values.topics.enabled -}}
{{- $problems = append $problems "topics.enabled and strimzi.topics.enabled both make the topics; keep one." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.topics.enabled $sasl (hasKey .Values.secret.external "CONSUMER_KAFKA_SASL_PASSWORD") -}}
{{- $problems = append $problems "topics.enabled runs before External Secrets has fetched the password for Kafka; name an existing Secret in kafka.password.secret, or create the topics by hand." -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}

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
{{- if or (eq $stay "100%") (and (not (hasSuffix "%" $stay)) (ge (int $stay) $replicas)) -}}
{{- $problems = append $problems (printf "podDisruptionBudget.minAvailable (%s) forbids every eviction of %d replicas, and no node could be drained; make it smaller, or replicaCount larger." $stay $replicas) -}}
{{- end -}}
{{- else if has (toString .maxUnavailable) (list "0" "0%" "") -}}
{{- $problems = append $problems "podDisruptionBudget.maxUnavailable allows no eviction, and no node could be drained; set 1." -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $limit := toString (dig "limits" "memory" "" .Values.resources) -}}
{{- if regexMatch "^[0-9]+(Mi|Gi)$" $limit -}}
{{- $mebibytes := mul (regexFind "^[0-9]+" $limit | int64) (ternary 1024 1 (hasSuffix "Gi" $limit)) -}}
{{- $largest := .Values.config.backlog_bytes -}}
{{- range .Values.accounts }}{{ with .config }}{{ $largest = maxf $largest (default 0 .backlog_bytes) }}{{ end }}{{ end -}}
{{- $needed := add 60 (div (len .Values.accounts) 5) (div (int64 $largest) 524288) -}}
{{- if lt $mebibytes $needed -}}
{{- $problems = append $problems (printf "resources.limits.memory (%s) is below the %dMi that a full backlog may take (60 MiB, 0.2 MiB for each account, twice backlog_bytes); raise it, or lower backlog_bytes." $limit $needed) -}}
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
{{- if and .enabled $.Values.podMonitor.enabled (not .scrape) -}}
{{- $problems = append $problems "networkPolicy.scrape is empty and podMonitor is on: Prometheus would be kept out; name its pods." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.prometheusRule.enabled (not (.Files.Glob "files/rules/*.yaml")) -}}
{{- $problems = append $problems "prometheusRule.enabled is true, but this chart has no file in files/rules." -}}
{{- end -}}
{{- if and .Values.dashboard.enabled (not (.Files.Glob "files/dashboards/*.json")) -}}
{{- $problems = append $problems "dashboard.enabled is true, but this chart has no file in files/dashboards." -}}
{{- end -}}
{{- with .Values.replay -}}
{{- if .enabled -}}
{{- if not .args -}}
{{- $problems = append $problems "replay.args is empty: say which dead letters, such as {--class,session_not_found,--canary,5,--yes,--reason,…}." -}}
{{- else if not (or (has "--yes" .args) (has "-y" .args) (has "--dry-run" .args)) -}}
{{- $problems = append $problems "replay.args has no --yes: nobody can answer a question in a Job; look at it with --dry-run first." -}}
{{- end -}}
{{- end -}}
{{- if and .kafka.username (not .kafka.password.secret) -}}
{{- $problems = append $problems "replay.kafka.username has no password: name its Secret in replay.kafka.password.secret." -}}
{{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}
