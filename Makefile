# SPDX-License-Identifier: GPL-2.0
#
# io_uring for Linux 6.12. "make" alone lists what can be made.
#
# KERNEL=plain|debug|fault|kcsan|stock selects the kernel (see vm/config/), KERNEL_SRC=PATH
# the 6.12.y tree or tarball to start from (see vm/fetch).

KERNEL ?= plain
export KERNEL_SRC

help:
	@echo 'make run      build, boot, and do I/O with fio through io_uring'
	@echo 'make test     build, boot, and run the selftests and KUnit (TESTS="rw nop": only these)'
	@echo 'make fio      fio with verification, on file systems and devices, in all modes'
	@echo 'make kernel   build build/$(KERNEL)/bzImage'
	@echo 'make shell    a shell in the guest; for a single command: vm/run -- CMD'
	@echo 'make conformance  the tests of liburing, here and on the untouched base (REPEAT=N: N times)'
	@echo 'make differ   random programs, here and on the untouched base ("make differ HELP=1")'
	@echo 'make check    checkpatch, sparse, layers, configurations, scripts'
	@echo 'make litmus   the barriers against the memory model of the kernel, with herd7'
	@echo 'make series   the patch series for a 6.12 tree, in build/series/'
	@echo 'make bench    measure against the untouched base'
	@echo 'make clean    remove build/'
	@echo
	@echo 'KERNEL=plain, debug (KASAN, lockdep, ...), fault (allocations fail),'
	@echo 'kcsan (data races) or stock (the untouched base)'

kernel:
	@vm/packages build
	@vm/build $(KERNEL)

run:
	@vm/demo $(KERNEL)

test:
	@vm/test $(KERNEL) $(TESTS)

fio:
	@vm/fio $(KERNEL)

conformance:
	@vm/conformance --kernel $(KERNEL) $(if $(REPEAT),--repeat $(REPEAT)) $(TESTS)

# SEEDS=N START=S REPLAY=SEED MINIMIZE=SEED THREADS=N COMPAT=1 ONLY=OP,... LINES=1
differ:
	@vm/packages build run
	@differ/run --kernel $(KERNEL) $(if $(HELP),--help) $(if $(SEEDS),--seeds $(SEEDS)) \
		$(if $(START),--start $(START)) $(if $(REPLAY),--replay $(REPLAY)) \
		$(if $(MINIMIZE),--minimize $(MINIMIZE)) $(if $(THREADS),--threads $(THREADS)) \
		$(if $(COMPAT),--compat) $(if $(ONLY),--only $(ONLY)) $(if $(LINES),--lines) \
		$(if $(TOLERATE),--tolerate $(TOLERATE))

check:
	@vm/check

series:
	@vm/series

litmus:
	@vm/litmus

shell: kernel
	@vm/run --kernel $(KERNEL) --timeout 0 --interactive -- $${SHELL:-/bin/bash} -i

bench:
	@bench/run $(if $(COMPARE),--compare $(COMPARE))

clean:
	rm -rf build

.PHONY: help kernel run test fio conformance differ check series litmus shell bench clean
