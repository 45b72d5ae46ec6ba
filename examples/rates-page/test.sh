#!/bin/sh
# Tries every rate, and writes the results as JUnit XML. Ends with 1 if a rate is not a positive number.
set -eu
awk -F, '
  BEGIN { print "<testsuite name=\"rates\">" }
  {
    printf "<testcase classname=\"rates\" name=\"%s is positive\">", $1
    if ($2 + 0 <= 0) { printf "<failure message=\"%s\"/>", $2; failed = 1 }
    print "</testcase>"
  }
  END { print "</testsuite>"; exit failed }' rates.csv > tests.xml
