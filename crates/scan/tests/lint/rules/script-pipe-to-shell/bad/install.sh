#!/usr/bin/env bash
set -euo pipefail
curl -fsSL https://get.example.com/install.sh | sudo -E bash -
eval "$(wget -qO- https://get.example.com/env)"
