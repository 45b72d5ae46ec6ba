#!/bin/sh
export GIT_SSL_NO_VERIFY=true
wget --no-check-certificate https://nexus.example.com/tools.tar.gz
pip install --trusted-host pypi.example.com -r requirements.txt
