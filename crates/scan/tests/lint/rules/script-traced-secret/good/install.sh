#!/bin/bash
set -eux
docker build -t shop .
set +x
printf %s "$REGISTRY_PASSWORD" | docker login -u robot --password-stdin registry.example.com
