#!/bin/sh
# A scanner of one rule: access without a check of bounds. It writes SARIF 2.1.0, and ends with 1 if it found something.
set -eu
results=$(grep -n 'get_unchecked' src/*.rs | awk -F: '{
  printf "%s{\"ruleId\":\"rust/unchecked\",\"level\":\"error\",", sep
  printf "\"message\":{\"text\":\"reads memory without a check of bounds\"},\"properties\":{\"security-severity\":\"9.8\"},"
  printf "\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"%s\"},\"region\":{\"startLine\":%d}}}]}", $1, $2
  sep = ","
}')
printf '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"bounds-scan","version":"1"}},"results":[%s]}]}\n' "$results" > scan.sarif
test -z "$results"
