#!/bin/sh
export GIT_SSL_CAINFO=/etc/ssl/ca.pem
wget --ca-certificate=/etc/ssl/ca.pem https://nexus.example.com/tools.tar.gz
pip install --cert /etc/ssl/ca.pem -r requirements.txt
