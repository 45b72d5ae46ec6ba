#!/bin/sh
mkdir -p /srv/shop
chmod -R u=rwX,go=rX /srv/shop
chmod 1777 /srv/tmp
chmod +x run.sh
install -m 0644 conf /etc/shop.conf
