// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU that counts locked instructions and barriers.
 *
 * An instruction count alone hides what they cost on a real machine. Counted is
 * what is executed between the two marks of bench/cost/cost.c; each second mark
 * adds a line "LOCKED BARRIERS" to the file named by the plugin's argument
 * "out=FILE".
 *
 * Locked are instructions with a LOCK prefix and XCHG with memory. A barrier is
 * MFENCE, LFENCE, SFENCE, or what the kernel uses for smp_mb(): a locked addition
 * of 0 to the stack, which does not count as locked then.
 *
 * qemu-plugin.h is not packaged: what is needed of it is declared here (plugin
 * API, version 1).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EXPORT	__attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*vcpu_udata_cb_t)(unsigned int vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb_t cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, vcpu_udata_cb_t cb,
					    enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						enum qemu_plugin_op op, void *ptr, uint64_t imm);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;

enum kind { OTHER, LOCKED, BARRIER, START, STOP };

static uint64_t count[STOP], at_start[STOP];
static FILE *out;

static enum kind classify(const uint8_t *code, size_t size)
{
	static const uint8_t mark[] = { 0x0f, 0x1f, 0x84, 0x00 };
	static const uint8_t add_zero[] = { 0x83, 0x44, 0x24 };
	bool locked = false;

	if (size == 8 && !memcmp(code, mark, sizeof(mark)) && !memcmp(code + 5, "UOI", 3))
		return code[4] == '0' ? START : code[4] == '1' ? STOP : OTHER;
	/* Prefixes: lock, segments, operand and address size, rep, REX */
	for (; size > 1; code++, size--) {
		if (*code == 0xf0)
			locked = true;
		else if (*code != 0x2e && *code != 0x36 && *code != 0x3e && *code != 0x26 &&
			 (*code & 0xfc) != 0x64 && (*code & 0xfe) != 0xf2)
			break;
	}
	if (size > 1 && (*code & 0xf0) == 0x40) {
		code++;
		size--;
	}
	if (locked)
		return size == 5 && !memcmp(code, add_zero, sizeof(add_zero)) && !code[4] ?
			BARRIER : LOCKED;
	if (size > 1 && (*code & 0xfe) == 0x86 && code[1] < 0xc0)
		return LOCKED;
	/* LFENCE, MFENCE, SFENCE */
	if (size == 3 && code[0] == 0x0f && code[1] == 0xae && code[2] >= 0xe8)
		return BARRIER;
	return OTHER;
}

static void start(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	memcpy(at_start, count, sizeof(count));
}

static void stop(unsigned int vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	fprintf(out, "%llu %llu\n", (unsigned long long)(count[LOCKED] - at_start[LOCKED]),
		(unsigned long long)(count[BARRIER] - at_start[BARRIER]));
	fflush(out);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		enum kind kind = classify(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));

		switch (kind) {
		case OTHER:
			break;
		case LOCKED:
		case BARRIER:
			qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
								   &count[kind], 1);
			break;
		case START:
			qemu_plugin_register_vcpu_insn_exec_cb(insn, start, QEMU_PLUGIN_CB_NO_REGS,
							       NULL);
			break;
		case STOP:
			qemu_plugin_register_vcpu_insn_exec_cb(insn, stop, QEMU_PLUGIN_CB_NO_REGS,
							       NULL);
			break;
		}
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fputs("count: the argument must be out=FILE\n", stderr);
		return 1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		perror(argv[0] + 4);
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
