# SPDX-License-Identifier: GPL-2.0
# tiermem: `make help` lists the targets. KVER=<release> chooses the kernel;
# without it, the running one if its headers are there, else each installed one.

HEADERS := $(patsubst /lib/modules/%/build,%,$(wildcard /lib/modules/*/build))
KVER ?= $(or $(filter $(shell uname -r),$(HEADERS)),$(HEADERS))
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

# What a module build needs; copied, so that two kernels can be built side by side.
SOURCES := Kbuild dkms.conf $(shell find $(wildcard module uapi) -name '*.[ch]')

.PHONY: all modules tools selftests deps demo check check-long bench bench-quick bench-report \
	bench-docs bench-images style tools-install tools-uninstall install dkms-install dkms-remove clean help

all: modules tools

help:
	@echo 'deps          install what building and testing needs (Debian 12, as root)'
	@echo 'demo          a quota on a PMEM node, seen in a virtual machine'
	@echo 'check         build for both kernels and run all tests in virtual machines'
	@echo 'check-long    beside the loops of stock kernels, and all tests on a debug kernel'
	@echo 'bench         tiering systems against each other on a simulated clock (hours; goes on'
	@echo '              where it was stopped); bench-quick: 10 minutes; bench-report: tables and'
	@echo '              plots of what there is so far; bench-docs: the same into docs/;'
	@echo '              JOBS=<pattern> chooses jobs'
	@echo 'modules       build/<release>/tiermem.ko (default)'
	@echo 'tools         build/tiermemctl/tiermemctl'
	@echo 'install       install the module for KVER, and tiermemctl with its systemd unit below'
	@echo '              PREFIX (/usr/local); dkms-install: the module for every kernel;'
	@echo '              tools-install, tools-uninstall: all but the module'
	@echo 'style         checkpatch, sparse, W=1, shellcheck and the rules of this project'

modules: $(KVER:%=build/%/tiermem.ko)
	@test -n "$(KVER)" || { echo "No kernel headers found: install linux-headers, or run make deps."; exit 1; }

build/%/tiermem.ko: $(SOURCES)
	@mkdir -p build/$*/src
	@tar cf - $(SOURCES) | tar xf - -C build/$*/src
	$(MAKE) -C /lib/modules/$*/build M=$(CURDIR)/build/$*/src $(if $(W),W=$(W)) $(if $(GCOV),GCOV=1) modules
	@cp build/$*/src/tiermem.ko $@

# The module needs none of its libraries.
tools:
	@if pkg-config --exists json-c ncursesw cairo; then $(MAKE) --no-print-directory -C tools/tiermemctl; \
	else echo "tiermemctl is left out: it needs libjson-c-dev, libncurses-dev and libcairo2-dev (make deps)"; fi

selftests:
	$(MAKE) -C selftests

deps:
	tools/packaging/deps.sh

demo:
	tools/demo/demo.sh

check: modules
	selftests/check.sh

check-long: modules
	selftests/check.sh -m long
	selftests/debug/run.sh

bench-images: modules
	$(MAKE) -C tools/tiersim
	tools/bench/image.sh

# Reported also if some of the jobs failed.
bench: bench-images
	set -f; tools/bench/bench run $(JOBS); status=$$?; \
	tools/bench/bench report; exit $$status

bench-quick: bench-images
	set -f; tools/bench/bench run --quick $(JOBS); status=$$?; \
	tools/bench/bench report --quick; exit $$status

bench-report:
	tools/bench/bench report

bench-docs:
	tools/bench/bench report --docs

style:
	tools/packaging/style.sh

tools-install:
	$(MAKE) -C tools/tiermemctl install
	$(MAKE) -C tools/systemd install

# What is in /etc/tiermem.d stays.
tools-uninstall:
	$(MAKE) -C tools/systemd uninstall
	$(MAKE) -C tools/tiermemctl uninstall

install: modules tools
	install -D -m 644 build/$(firstword $(KVER))/tiermem.ko /lib/modules/$(firstword $(KVER))/updates/tiermem.ko
	depmod $(firstword $(KVER))
	[ ! -e build/tiermemctl/tiermemctl ] || $(MAKE) tools-install

dkms-install:
	tools/packaging/dkms-install.sh

dkms-remove:
	tools/packaging/dkms-remove.sh

clean:
	rm -rf build
