#!/bin/bash
set -e
eval "$@"
read -r answer
sh -c "make $answer"
