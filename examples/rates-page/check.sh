#!/bin/sh
# The probe: whether the installed page has its data.
set -eu
dir=$(dirname "$0")/..
grep -q '"EUR":1.0000' "$dir/site/rates.json"
grep -q '<td>EUR' "$dir/site/index.html"
