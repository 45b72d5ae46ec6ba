#!/bin/sh
apt-get install -y --allow-unauthenticated shop-tools
yum install -y --nogpgcheck shop-tools
