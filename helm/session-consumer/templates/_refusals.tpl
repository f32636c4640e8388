{{/* Contradictions, all at once, each in a sentence that says how to mend it. */}}
{{- define "session-consumer.refuse" -}}
{{- $problems := concat
  (include "session-consumer.settingsProblems" . | fromJsonArray)
  (include "session-consumer.accountProblems" . | fromJsonArray)
  (include "session-consumer.kafkaProblems" . | fromJsonArray)
  (include "session-consumer.podProblems" . | fromJsonArray)
  (include "session-consumer.partProblems" . | fromJsonArray)
  (include "session-consumer.replayProblems" . | fromJsonArray) -}}
{{- with $problems -}}
{{- fail (printf "\n\nThe values can't be used:\n- %s\n" (join "\n- " .)) -}}
{{- end -}}
{{- end -}}

{{- define "session-consumer.settingsProblems" -}}
{{- $problems := list -}}
{{- with .Values.config -}}
{{- if not .kafka_bootstrap_servers -}}
{{- $problems = append $problems "config.kafka_bootstrap_servers is missing: host:port of the brokers, several with commas between." -}}
{{- else -}}
{{- range splitList "," .kafka_bootstrap_servers -}}
{{- if or (not (regexMatch "^([A-Za-z0-9_][A-Za-z0-9._-]*|\\[[0-9A-Fa-f:.]+\\]):[1-9][0-9]{0,4}$" (trim .))) (gt (splitList ":" (trim .) | last | int) 65535) -}}
{{- $problems = append $problems (printf "config.kafka_bootstrap_servers has %q, which is no host:port; write such as kafka-1:9092,kafka-2:9092." .) -}}
{{- end -}}
{{- end -}}
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
{{- $tokens := dict -}}
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
{{- range $key, $url := dict "zoho_people_url" .zoho_people_url "zoho_accounts_url" .zoho_accounts_url -}}
{{- if and (hasPrefix "http://" (default "" $url)) (not (regexMatch "^http://(localhost|127(\\.[0-9]+){3}|\\[::1\\])([:/]|$)" $url)) -}}
{{- $problems = append $problems (printf "%s.%s must be https (http is for loopback only): access tokens would travel in the clear." $in $key) -}}
{{- end -}}
{{- end -}}
{{- $calls := default 0 .quota_daily_requests | int64 -}}
{{- $reserve := default 0 .quota_daily_reserve | int64 -}}
{{- if and (gt $calls 0) (ge $reserve $calls) -}}
{{- $problems = append $problems (printf "%s.quota_daily_reserve (%d) must be below quota_daily_requests (%d): no call would ever be made." $in $reserve $calls) -}}
{{- end -}}
{{- /* 600: what a record takes beside its value (consumer/records.py). */ -}}
{{- $event := add (int64 .max_event_bytes) 600 -}}
{{- if lt (int64 .backlog_bytes) $event -}}
{{- $problems = append $problems (printf "%s.backlog_bytes (%d) must be at least %d: one event of max_event_bytes must fit." $in (int64 .backlog_bytes) $event) -}}
{{- end -}}
{{- end -}}
{{- if and $account.secret.existing $account.secret.external -}}
{{- $problems = append $problems (printf "%s.existing and %s.external are two sources of one secret; keep one." $secret $secret) -}}
{{- else if not (or $account.secret.existing $account.secret.external) -}}
{{- $problems = append $problems (printf "%s has no credential for Zoho: name an existing Secret in %s.existing, or what External Secrets shall fetch in %s.external." (default "secret" $place) $secret $secret) -}}
{{- else -}}
{{- range $what, $variable := dict "client id" "CONSUMER_ZOHO_CLIENT_ID" "client secret" "CONSUMER_ZOHO_CLIENT_SECRET" "refresh token" "CONSUMER_ZOHO_REFRESH_TOKEN" -}}
{{- $own := ternary $account.settings.zoho_client_id (include "session-consumer.accountHas" (dict "secret" $account.secret "variable" $variable)) (eq $what "client id") -}}
{{- if not (or $own (include "session-consumer.accountHas" (dict "secret" $root.Values.secret "variable" $variable))) -}}
{{- $problems = append $problems (printf "%s has no %s for Zoho: %s." (default "secret" $place) $what (ternary (printf "set %s.zoho_client_id, or put %s into `secret`" $in $variable) (printf "put %s into %s.external" $variable $secret) (eq $what "client id"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with include "session-consumer.tokenSource" (dict "shared" $root.Values.secret "secret" $account.secret) -}}
{{- $token := printf "%s %s %s" . (default "com" $account.settings.zoho_data_centre) (default "" $account.settings.zoho_accounts_url) -}}
{{- if hasKey $tokens $token -}}
{{- $problems = append $problems (printf "accounts.%s and accounts.%s have one refresh token, of %s: one Zoho account, whose quota would be used twice; give each a credential of its own." (index $tokens $token) $name .) -}}
{{- end -}}
{{- $_ := set $tokens $token $name -}}
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

{{/* Where an account's refresh token comes from; empty where it has none. Of a dict: shared (the `secret` of all), secret. */}}
{{- define "session-consumer.tokenSource" -}}
{{- $variable := "CONSUMER_ZOHO_REFRESH_TOKEN" -}}
{{- if .secret.existing -}}
the Secret {{ .secret.existing }}
{{- else if hasKey (default dict .secret.external) $variable -}}
one place in the store ({{ index .secret.external $variable | toJson }})
{{- else if .shared.existing -}}
the Secret {{ .shared.existing }}
{{- else if hasKey .shared.external $variable -}}
one place in the store ({{ index .shared.external $variable | toJson }})
{{- end -}}
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
{{- range $key, $variable := dict "zoho_client_id" "CONSUMER_ZOHO_CLIENT_ID" "kafka_sasl_username" "CONSUMER_KAFKA_SASL_USERNAME" -}}
{{- if and (index $.Values.config $key) (hasKey $.Values.secret.external $variable) -}}
{{- $problems = append $problems (printf "config.%s and %s in secret.external are two sources of one setting; keep one." $key $variable) -}}
{{- end -}}
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
{{- if or $.Values.kafka.password.secret $.Values.kafka.certificate.secret $.Values.config.kafka_sasl_username (hasKey $.Values.secret.external "CONSUMER_KAFKA_SASL_USERNAME") (hasKey $.Values.secret.external "CONSUMER_KAFKA_SASL_PASSWORD") -}}
{{- $problems = append $problems "strimzi.users makes the user and its secret, but kafka.password, kafka.certificate, config.kafka_sasl_username or secret.external name another; keep one." -}}
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
{{- if and .Values.topics.enabled $sasl (or (hasKey .Values.secret.external "CONSUMER_KAFKA_SASL_PASSWORD") (hasKey .Values.secret.external "CONSUMER_KAFKA_SASL_USERNAME")) -}}
{{- $problems = append $problems "topics.enabled runs before External Secrets has fetched user or password for Kafka; use config.kafka_sasl_username and kafka.password.secret, or create the topics by hand." -}}
{{- end -}}
{{- toJson $problems -}}
{{- end -}}
