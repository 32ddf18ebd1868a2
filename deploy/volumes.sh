#!/bin/sh
# Saves all volumes of a stopped system as one archive, reads such an archive back, or fills empty volumes from it.
# It runs in the container `volumes` of compose.yaml, as root without a network.
set -eu
umask 077
cd /backups

fail() {
    echo "$1" >&2
    exit 1
}

# A database that runs, or was not stopped in order, keeps this file; a copy of it would not be whole.
stopped() {
    [ -z "$(find /volumes -path '*-database/*/postmaster.pid' -print -quit)" ]
}

backup() {
    stopped || fail "The databases run. Stop them in order first: docker compose up --detach, then docker compose stop."
    [ -n "$(find /volumes -name PG_VERSION -print -quit)" ] || fail "There is nothing to save in the volumes."
    name=praxis-$(date -u +%Y%m%dT%H%M%SZ).tar.gz
    tar --create --gzip --numeric-owner --file "$name.partial" --directory /volumes .
    tar --compare --gunzip --numeric-owner --file "$name.partial" --directory /volumes
    mv "$name.partial" "$name"
    sha256sum "$name" > "$name.sha256"
    sync
    echo "$name"
}

# Reads every byte, and looks for what each part cannot be without.
verify() {
    [ -f "$1.sha256" ] || fail "There is no $1 with its $1.sha256 in the folder of backups."
    sha256sum --check --quiet "$1.sha256" || fail "$1 is damaged."
    held=$(tar --list --gunzip --file "$1")
    for part in patients scheduling billing claims reporting gateway; do
        for file in "$part-database/.*/global/pg_control" "$part-database-secrets/password" "$part-secrets/keys.json"; do
            echo "$held" | grep -q "^\./$file\$" || fail "$1 lacks $file."
        done
    done
}

restore() {
    verify "$1"
    [ -z "$(find /volumes -mindepth 2 -print -quit)" ] || fail "The volumes of this project are not empty; nothing was changed."
    tar --extract --gunzip --numeric-owner --same-permissions --file "$1" --directory /volumes
    sync
}

case "${1:-} $#" in
    "backup 1") backup ;;
    "verify 2") verify "$2" && echo "$2 is whole." ;;
    "restore 2") restore "$2" && echo "$2 is restored." ;;
    *) fail "volumes backup | volumes verify FILE | volumes restore FILE" ;;
esac
