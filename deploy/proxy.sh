#!/bin/sh
# Starts nginx in a container, without root, with the shipped nginx.conf. It reads:
#   HOST_NAME            the host name of PUBLIC_BASE_URL (required)
#   WEB, TELEPHONY       address and port of the web and of the telephony processes
#   HTTPS_LISTEN, HTTP_LISTEN   8443 and 8080; an address may stand before the port
#   PUBLIC_PORT          the port that clients use, if it is not 443
#   PROXY_PROTOCOL_FROM  networks of a load balancer that speaks the PROXY protocol, separated by spaces
#   TLS_CERTIFICATE, TLS_KEY    PEM texts, in place of fullchain.pem and privkey.pem in /etc/ssl/dutyline
# Arguments go to nginx: `proxy.sh -t` tests the configuration.
set -eu
: "${HOST_NAME:?is not set: the host name of PUBLIC_BASE_URL}"
folder=${RUNTIME_FOLDER:-/tmp}
certificates=${CERTIFICATES:-/etc/ssl/dutyline}
if [ -n "${TLS_CERTIFICATE:-}" ]; then
    certificates=$folder/tls
    (umask 077 && mkdir -p "$certificates" \
        && printf '%s\n' "$TLS_CERTIFICATE" > "$certificates/fullchain.pem" \
        && printf '%s\n' "$TLS_KEY" > "$certificates/privkey.pem")
    unset TLS_CERTIFICATE TLS_KEY
fi
set -- -e stderr -c "$folder/nginx.conf" -g 'daemon off;' "$@"
real_ip=''
accept=''
if [ -n "${PROXY_PROTOCOL_FROM:-}" ]; then
    for network in $PROXY_PROTOCOL_FROM; do real_ip="$real_ip set_real_ip_from $network;"; done
    real_ip="$real_ip real_ip_header proxy_protocol;"
    accept=' proxy_protocol'
fi
temporary=''
for kind in client_body proxy fastcgi uwsgi scgi; do temporary="$temporary ${kind}_temp_path $folder/$kind;"; done
sed \
    -e '/^user /d' \
    -e "s#^http {#http {$temporary$real_ip#" \
    -e "s#/run/nginx.pid#$folder/nginx.pid#" \
    -e 's#/var/log/nginx/error.log#/dev/stderr#' \
    -e 's#/var/log/nginx/access.log#/dev/stdout#' \
    -e "s#/etc/ssl/dutyline#$certificates#" \
    -e "s#listen 443\(.*\);#listen ${HTTPS_LISTEN:-8443}\1$accept;#" \
    -e "s#listen 80\(.*\);#listen ${HTTP_LISTEN:-8080}\1$accept;#" \
    -e "s#api\.example\.com#$HOST_NAME#g" \
    -e "s#\(proxy_set_header Host \)\$host;#\1\$host${PUBLIC_PORT:+:$PUBLIC_PORT};#" \
    -e "s#server 127\.0\.0\.1:8000\b#server ${WEB:-127.0.0.1:8000}#" \
    -e "s#server 127\.0\.0\.1:8008\b#server ${TELEPHONY:-${WEB:-127.0.0.1:8008}}#" \
    "${CONFIGURATION:-/etc/dutyline/nginx.conf}" > "$folder/nginx.conf"
exec nginx "$@"
