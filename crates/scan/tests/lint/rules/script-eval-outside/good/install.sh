#!/bin/bash
set -e
assign() {
  eval "$1=\$2"
}
eval "$(ssh-agent -s)"
"$@"
