#!/bin/sh
set -e
npm audit || true
npm run build
