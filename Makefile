# Needletail. `make help` lists what there is; `make serve` and `make test` install, build and start all they need.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help serve test test-debug test-address test-thread test-python test-neon soak bench format clean packages toolchain

# DATA=folder trains the first snapshot on real interactions instead of the built-in catalogue.
DATA ?=
ARGS ?=
RELEASE := .build/release/needletail

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

serve: packages toolchain ## train if need be, start memcached, serve on 127.0.0.1:8080 (DATA=folder for real data)
	swift build -c release --product needletail
	exec $(RELEASE) quickstart $(if $(DATA),--data "$(DATA)") $(ARGS)

test: packages toolchain test-debug test-python test-address test-thread ## all tests, then again under the sanitizers where it matters

# The release build comes first: AllocationTests count what it allocates.
test-debug: packages toolchain
	swift build -c release --product needletail
	swift test

# The modules that touch memory by hand. Without XCTest, whose own 144 leaked bytes would end every run.
ADDRESS := Bytes HTTP JSON Memcached Model Reactor Retrieval Snapshots Tensors
test-address: packages toolchain
	NEEDLETAIL_TESTS="$(ADDRESS:%=%Tests)" LSAN_OPTIONS=suppressions=$(CURDIR)/Tests/leaks.supp \
	  swift test --disable-xctest --sanitize=address --scratch-path .build-address

# What has threads: the loops, and those parts of the gateway where threads meet (swaps, availability, events, drain, two workers).
# FaultTests are not among it: they count on a gateway that is not ten times slower than memcached expects.
test-thread: packages toolchain
	NEEDLETAIL_TESTS="ReactorTests GatewayIntegrationTests" swift test --disable-xctest --sanitize=thread --scratch-path .build-thread \
	  --filter '^(ReactorTests\.|GatewayIntegrationTests\.Integration/(Availability|Tier|Event|Snapshot|Lifecycle|Drain|Pipeline|Start)Tests)'

# The Python package, with the executable that test-debug built. PYTHON=path of another interpreter, such as one of a virtual
# environment that has implicit and pyarrow too: then their examples run as well.
PYTHON ?= python3
test-python: ## the Python package: publishes with the built executable (needs numpy; PYTHON=interpreter)
	@if ! $(PYTHON) -c 'import numpy' 2>/dev/null; then echo "skipped: $(PYTHON) has no numpy (pip install numpy)"; exit 0; fi; \
	cd Clients/python && $(PYTHON) -m unittest discover -s tests -t .

# The kernels for ARM on a machine that is none: cross-compiled, run by qemu, compared with the scalar ones. Packages:
# gcc-aarch64-linux-gnu qemu-user. clang is Swift's, for the attributes that the kernels use.
test-neon: ## the ARM kernels against the scalar ones, by emulation (needs gcc-aarch64-linux-gnu and qemu-user)
	@for tool in aarch64-linux-gnu-gcc qemu-aarch64; do command -v $$tool >/dev/null || { echo "skipped: $$tool is not installed (apt-get install gcc-aarch64-linux-gnu qemu-user)"; exit 0; }; done; \
	mkdir -p .build && clang --target=aarch64-linux-gnu -O3 -Wall -Werror -static -fuse-ld=lld --gcc-install-dir="$$(dirname "$$(aarch64-linux-gnu-gcc -print-libgcc-file-name)")" \
	  -isystem /usr/aarch64-linux-gnu/include -ISources/CKernels/include Tests/CrossCheck/main.c Sources/CKernels/*.c -o .build/cross-check \
	  && qemu-aarch64 -cpu max .build/cross-check

# MINUTES=n: how long the simulator plays seeds that nobody has seen; a failure prints its seed.
# ROUNDS=n: how often all tests run after that. Races and time-outs that a single run hides show here.
MINUTES ?= 10
ROUNDS ?= 10
soak: packages toolchain ## random seeds of the simulator (MINUTES=10), then all tests again and again (ROUNDS=10)
	swift build --build-tests
	NEEDLETAIL_SOAK_SECONDS=$$(( $(MINUTES) * 60 )) swift test --skip-build --disable-xctest --filter 'random seeds'
	for round in $$(seq $(ROUNDS)); do echo "round $$round of $(ROUNDS)"; swift test --skip-build --disable-xctest --quiet; done

# SCENARIOS="bench swap" runs some of them; BENCH="--rounds 1 --seconds 1" is for the scenario bench alone. Each keeps a
# line and a page in LoadTests/Results; one that fails does not keep the others from running.
SCENARIOS ?= bench startup mixed overload swap memcached-kill memcached-stop garbage restart slowloris
# "retrieval" (search beside ScaNN, faiss, hnswlib and usearch: half an hour, installs them) only by name; RETRIEVAL="--quick".
BENCH ?=
RETRIEVAL ?=
bench: packages toolchain ## the README's numbers, one scenario after the other (SCENARIOS="bench swap")
	swift build -c release --product needletail
	swift build -c release --product needletail-load
	@failed=""; \
	for scenario in $(SCENARIOS); do \
	  case $$scenario in \
	    retrieval) LoadTests/run retrieval $(RETRIEVAL) ;; \
	    bench) $(RELEASE)-load bench $(BENCH) ;; \
	    *) $(RELEASE)-load $$scenario ;; \
	  esac && status=0 || status=$$?; \
	  case $$status in 0) ;; 130) exit 130 ;; 2) failed="$$failed $$scenario(latencies invalid)" ;; *) failed="$$failed $$scenario" ;; esac; \
	done; \
	if [ -n "$$failed" ]; then echo "not as it should be:$$failed" >&2; exit 1; fi

format: toolchain ## lay out every Swift file
	swift format --in-place --parallel --recursive Package.swift Sources Tests LoadTests

clean: ## remove what was built and what `make serve` keeps under var/
	rm -rf .build .build-address .build-thread .build-peers var

# Debian package and what for. Checked by dpkg alone, so that nothing happens when all is there.
define PACKAGES
libuv1-dev the event loop
libmemcached-dev where a key lives among the memcached nodes
memcached the second cache, started by make serve and by the tests
liblz4-dev snapshots and event segments on the wire
libxxhash-dev checksums
libssl-dev SHA-256 of what is published
libcurl4-openssl-dev snapshots from web servers and buckets
libsimdjson-dev JSON of requests
g++ the C++ library that simdjson is compiled against
libopenblas-serial-dev linear algebra of the trainer
liblapacke-dev its declarations
pkg-config finds the libraries above
curl tries the running gateway
wrk load for make bench
python3 measures training and search
endef
export PACKAGES

packages:
	@missing=""; \
	while read -r name why; do \
	  dpkg-query -W -f='$${Status}' "$$name" 2>/dev/null | grep -q 'ok installed' && continue; \
	  echo "missing: $$name ($$why)"; missing="$$missing $$name"; \
	done <<< "$$PACKAGES"; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then become=""; elif command -v sudo >/dev/null; then become=sudo; \
	  else echo "not root and no sudo: ask an administrator to run: apt-get install$$missing" >&2; exit 77; fi; \
	  echo "installing:$$missing"; \
	  $$become env DEBIAN_FRONTEND=noninteractive apt-get update -qq; \
	  $$become env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

toolchain:
	@if ! command -v swift >/dev/null; then \
	  echo "Swift is not installed. Needletail needs Swift 6.3 or newer: https://www.swift.org/install/linux/" >&2; exit 69; fi; \
	version="$$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | grep -oE '[0-9]+\.[0-9]+')"; \
	if [ "$$(printf '6.3\n%s\n' "$$version" | sort -V | head -n 1)" != 6.3 ]; then \
	  echo "This is Swift $$version. Needletail needs Swift 6.3 or newer: https://www.swift.org/install/linux/" >&2; exit 69; fi
