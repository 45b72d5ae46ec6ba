#!/bin/bash
set -eux
docker build -t shop .
docker login -u robot -p "$REGISTRY_PASSWORD" registry.example.com
