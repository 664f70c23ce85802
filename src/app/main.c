/* SPDX-License-Identifier: Apache-2.0
 * The program: a table of commands. `role` is how the parent starts itself again as a role. */
#include "app/command.h"
#include "app/log.h"
#include "app/parent.h"
#include "app/seat.h"
#include "io/sandbox.h"

static int serve(int argc, char **argv)
{
    static struct config config;
    struct config_fault fault = {""};
    enum log_level level;
    enum err e = config_read(&config, argc, argv, &fault);
    if (e == ERR_CLOSED) {
        say("usage: incamera serve [--config FILE] [--data DIR] [--listen ADDR:PORT] [--media ADDR:PORT]\n"
            "       [--announce IP] [--engines N] [--turn ADDR:PORT] [--turn-allow-peer CIDR] [--origin "
            "URL]\n"
            "       [--audit-heads FILE] [--tls-certificate FILE --tls-key FILE] [--log LEVEL] [--dev "
            "[--listen-plain "
            "ADDR:PORT]]\n"
            "--media, --announce, --turn-allow-peer and --origin may repeat. The file holds lines `key = "
            "value`;\n"
            "INCAMERA_LISTEN and so on in the environment win over it, and flags over both.\n");
        return 0;
    }
    if (e) return complain(2, "%s", fault.text);
    if (log_level_of(span_str(config.log), &level)) log_set_level(level);
    return parent_serve(&config);
}

/* Started by the parent only, with the link to it as descriptor 3. */
static int role(int argc, char **argv)
{
    static const struct role_work *const works[ROLE_COUNT] = {
        [ROLE_FRONT] = &front_work,   [ROLE_ENGINE] = &engine_work,   [ROLE_VAULT] = &vault_work,
        [ROLE_KEEPER] = &keeper_work, [ROLE_ARCHIVE] = &archive_work, [ROLE_KMS] = &kms_work};
    uint16_t index = 0;
    if (argc != 2) return complain(2, "roles are started by `incamera serve`");
    for (const char *p = argv[1]; *p >= '0' && *p <= '9' && index < SEAT_ENGINES_MAX; p++)
        index = (uint16_t)(index * 10 + (*p - '0'));
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (works[i] && strcmp(role_name(i), argv[0]) == 0 && index < SEAT_ENGINES_MAX)
            return seat_run((enum role)i, index, works[i]);
    return complain(2, "there is no role of this name");
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"serve", serve, "run the server"},
    {"room", command_room, "create, list, show and close rooms"},
    {"token", command_token, "make an access token"},
    {"turn", command_turn, "make a relay credential"},
    {"audit", command_audit, "check and export the audit trail"},
    {"archive", command_archive, "recordings: list, start, stop, export, destroy"},
    {"policy", command_policy, "explain a verdict"},
    {"doctor", command_doctor, "what is wrong with this installation"},
    {"version", command_version, "version, build, libraries"},
    {"role", role, NULL},
};

int main(int argc, char **argv)
{
    sandbox_basics();
    for (unsigned i = 0; argc > 1 && i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                             strcmp(argv[1], "help") == 0);
    if (!help)
        return complain(2,
                        argc > 1 ? "there is no command %.40s; try incamera --help"
                                 : "expected a command; try incamera --help%s",
                        argc > 1 ? argv[1] : "");
    say("usage: incamera COMMAND …   (every command has --help)\n");
    for (unsigned i = 0; i < COUNT_OF(commands); i++)
        if (commands[i].what) say("  %-8s %s\n", commands[i].name, commands[i].what);
    return 0;
}
