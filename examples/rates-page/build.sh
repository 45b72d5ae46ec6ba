#!/bin/sh
# Makes the page and its data from rates.csv.
set -eu
mkdir -p site
awk -F, '
  BEGIN { printf "{" }
  { printf "%s\"%s\":%s", sep, $1, $2; sep = "," }
  END { print "}" }' rates.csv > site/rates.json
awk -F, '
  BEGIN { print "<!doctype html><html lang=\"en\"><title>Rates</title><table>" }
  { printf "<tr><td>%s<td>%s\n", $1, $2 }
  END { print "</table></html>" }' rates.csv > site/index.html
