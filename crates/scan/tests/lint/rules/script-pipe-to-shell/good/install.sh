#!/usr/bin/env bash
set -euo pipefail
curl -fsSLo install.sh https://get.example.com/1.4.2/install.sh
echo "1f2ac9d6f26e  install.sh" | sha256sum --check
bash install.sh
curl -fsSL https://get.example.com/versions.json | python3 -m json.tool
