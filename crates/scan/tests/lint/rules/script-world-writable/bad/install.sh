#!/bin/sh
mkdir -p /srv/shop
chmod -R 777 /srv/shop
chmod a+rw /var/run/docker.sock
install -m 0666 conf /etc/shop.conf
