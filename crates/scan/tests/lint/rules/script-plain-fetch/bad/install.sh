#!/bin/sh
curl -O http://downloads.example.com/tools.tar.gz
