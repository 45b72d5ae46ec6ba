#!/bin/sh
set -e
npm audit
rm -r old || true
npm run build
