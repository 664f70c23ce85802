/* SPDX-License-Identifier: Apache-2.0
 * A PKCS#11 module whose answers a test scripts (test_pkcs11.c): one token, one key, a cipher that is none. The test sets
 * script_call and script_rv: that call answers so script_times times. */
#define CRYPTOKI_GNU 1
#include <p11-kit/pkcs11.h>

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { SLOTS = 1, TOKEN, SESSION, LOGIN, FIND, ATTRIBUTE, INIT, CRYPT, START };
extern EXPORT int script_call, script_times, script_keys, script_logins, script_starts;
extern EXPORT unsigned long script_rv, script_length;
EXPORT int script_call, script_times, script_keys = 1, script_logins, script_starts;
EXPORT unsigned long script_rv, script_length = 32;
static int left;

static ck_rv_t say(int call)
{
    if (script_call != call || script_times == 0) return CKR_OK;
    script_times--;
    return script_rv;
}

static ck_rv_t initialize(void *args)
{
    (void)args;
    script_starts++;
    return say(START);
}
static ck_rv_t finalize(void *args)
{
    (void)args;
    return CKR_OK;
}
static ck_rv_t slots(unsigned char present, ck_slot_id_t *list, unsigned long *n)
{
    (void)present;
    if (list) list[0] = 3;
    *n = 1;
    return say(SLOTS);
}
static ck_rv_t token(ck_slot_id_t slot, struct ck_token_info *t)
{
    (void)slot;
    memset(t, ' ', sizeof *t);
    memcpy(t->label, "scripted", 8);
    return say(TOKEN);
}
static ck_rv_t session(ck_slot_id_t slot, ck_flags_t flags, void *app, ck_notify_t notify,
                       ck_session_handle_t *s)
{
    (void)flags;
    (void)app;
    (void)notify;
    *s = slot + 1;
    return say(SESSION);
}
static ck_rv_t close_session(ck_session_handle_t s)
{
    return s == 4 ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}
static ck_rv_t login(ck_session_handle_t s, ck_user_type_t user, unsigned char *pin, unsigned long n)
{
    (void)s;
    script_logins++;
    if (user != CKU_USER || n != 4 || memcmp(pin, "1234", 4) != 0) return CKR_PIN_INCORRECT;
    return say(LOGIN);
}
static ck_rv_t find_begin(ck_session_handle_t s, struct ck_attribute *a, unsigned long n)
{
    (void)s;
    (void)a;
    (void)n;
    left = script_keys;
    return say(FIND);
}
static ck_rv_t find(ck_session_handle_t s, ck_object_handle_t *o, unsigned long max, unsigned long *n)
{
    (void)s;
    for (*n = 0; *n < max && left > 0; left--)
        o[(*n)++] = 9;
    return CKR_OK;
}
static ck_rv_t find_end(ck_session_handle_t s)
{
    (void)s;
    return CKR_OK;
}
static ck_rv_t attribute(ck_session_handle_t s, ck_object_handle_t o, struct ck_attribute *a, unsigned long n)
{
    (void)s;
    (void)o;
    (void)n;
    memcpy(a->value, &script_length, sizeof script_length);
    return say(ATTRIBUTE);
}
static ck_rv_t crypt_begin(ck_session_handle_t s, struct ck_mechanism *m, ck_object_handle_t key)
{
    (void)s;
    if (m->mechanism != CKM_AES_GCM || key != 9) return CKR_MECHANISM_INVALID;
    return say(INIT);
}
static ck_rv_t encrypt(ck_session_handle_t s, unsigned char *in, unsigned long n, unsigned char *out,
                       unsigned long *m)
{
    (void)s;
    memcpy(out, in, n);
    memset(out + n, 7, 16);
    *m = n + 16;
    return say(CRYPT);
}
static ck_rv_t decrypt(ck_session_handle_t s, unsigned char *in, unsigned long n, unsigned char *out,
                       unsigned long *m)
{
    (void)s;
    memcpy(out, in, n - 16);
    *m = n - 16;
    return say(CRYPT);
}

EXPORT ck_rv_t C_GetFunctionList(struct ck_function_list **list)
{
    static struct ck_function_list all = {.version = {2, 40},
                                          .C_Initialize = initialize,
                                          .C_Finalize = finalize,
                                          .C_GetFunctionList = C_GetFunctionList,
                                          .C_GetSlotList = slots,
                                          .C_GetTokenInfo = token,
                                          .C_OpenSession = session,
                                          .C_CloseSession = close_session,
                                          .C_Login = login,
                                          .C_FindObjectsInit = find_begin,
                                          .C_FindObjects = find,
                                          .C_FindObjectsFinal = find_end,
                                          .C_GetAttributeValue = attribute,
                                          .C_EncryptInit = crypt_begin,
                                          .C_Encrypt = encrypt,
                                          .C_DecryptInit = crypt_begin,
                                          .C_Decrypt = decrypt};
    *list = &all;
    return CKR_OK;
}
