#!/bin/sh
apt-get install -y shop-tools
yum install -y shop-tools
