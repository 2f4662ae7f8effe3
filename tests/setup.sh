# shellcheck shell=bash
# Sourced by the scripts of this project, not run. Offers
#   setup_packages            installs what the build needs and is missing
#   setup_install PACKAGE…    installs those of these Debian packages that are missing
#   setup_peers DIRECTORY     installs other implementations, those from npm into DIRECTORY/peers
#   setup_jobs                prints how many jobs to run in parallel

# True if version $1 is at least $2.
setup_version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# The first thing in the output of `$1 --version` that looks like a version.
setup_version_of() {
    "$1" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9.]*\).*/\1/p;q'
}

# True if what the Debian package $1 is wanted for is there already, from wherever.
setup_have_tool() {
    case $1 in
    g++) command -v "${CXX:-g++}" >/dev/null ;;
    cmake) command -v cmake >/dev/null && setup_version_at_least "$(setup_version_of cmake)" 3.22 ;;
    ninja-build) command -v ninja >/dev/null ;;
    ccache | pkg-config | python3 | clang | valgrind | clang-format | clang-tidy | git | jq | openssl | gcovr) command -v "$1" >/dev/null ;;
    neovim) command -v nvim >/dev/null ;;
    nodejs) command -v node >/dev/null || command -v nodejs >/dev/null ;;
    npm) command -v npm >/dev/null ;;
    *) return 1 ;;
    esac
}

setup_have_package() {
    local status
    # shellcheck disable=SC2016 # a format of dpkg-query
    status=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) || return 1
    [ "$status" = installed ]
}

setup_packages() {
    setup_install g++ cmake ninja-build ccache qt6-base-dev libmsgpack-cxx-dev zlib1g-dev \
        pkg-config neovim python3 openssl \
        qt6-declarative-dev qt6-declarative-dev-tools qml6-module-qtqml qml6-module-qtqml-models \
        qml6-module-qtqml-workerscript qml6-module-qtquick qml6-module-qtquick-window \
        qml6-module-qtquick-controls qml6-module-qtquick-templates qml6-module-qtquick-layouts \
        qml6-module-qttest fonts-dejavu-core
}

setup_install() {
    local package missing=() as_root=()

    for package in "$@"; do
        setup_have_tool "$package" || setup_have_package "$package" || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return 0
    fi

    if ! command -v apt-get >/dev/null; then
        # Not Debian: libraries cannot be looked up by package, CMake tells which are missing.
        echo "Not a Debian system. Needed, by the names of Debian's packages: ${missing[*]}" >&2
        return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        elif command -v sudo >/dev/null && [ -t 0 ] && [ -t 2 ]; then
            as_root=(sudo)
        else
            echo "Missing packages, and no right to install them. As root, run:" >&2
            echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
            exit 1
        fi
    fi

    echo "Installing: ${missing[*]}"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null
}

# Tests skip what is missing afterwards, so this never fails.
setup_peers() {
    local directory=$1/peers lock=tests/conformance/peers/package-lock.json package
    for package in python3-msgpack python3-pynvim ruby ruby-msgpack nodejs npm; do
        (setup_install "$package") || echo "$package: not installed, tests that need it are skipped" >&2
    done
    if cmp -s "$lock" "$directory/installed.json" || ! command -v npm >/dev/null; then
        return 0
    fi
    mkdir -p "$directory"
    cp "$lock" "${lock%/*}/package.json" "$directory"
    if (cd "$directory" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=30000); then
        cp "$lock" "$directory/installed.json"
    else
        echo "npm: packages not installed, tests that need them are skipped" >&2
    fi
}

setup_jobs() {
    nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2
}
