/* SPDX-License-Identifier: Apache-2.0
 * rights/policy: a table of cases, and 10^5 random facts against a reference written another way (row 49);
 * rights/token: what may open and a long list of what may not (rows 45, 46). */
#include "base/rng.h"
#include "guest/openssl_crypto.h"
#include "rights/policy.h"
#include "rights/token.h"
#include "test.h"
#include "wire/base64url.h"

/* The reference: the same rules in prose order, by hand. Returns 1 yes, 0 no, 2 wait. */
static int reference(const struct facts *f)
{
    bool tok = f->who.token, op = f->who.operator_;
    bool pub = f->verb == VERB_POLICY || f->verb == VERB_GUEST || f->verb == VERB_OPENAPI;
    if (f->verb == VERB_NONE || f->verb >= VERB_COUNT) return 0;
    if (!f->audit || f->who.rate || f->who.bad || f->who.expired) return 0;
    bool local = f->dev && f->who.plain_dev && f->verb == VERB_JOIN;
    if (!pub && !tok && !op && !local && !(f->dev && f->verb == VERB_CREATE)) return 0;
    if (f->room.named && tok && (f->who.too_old || (!f->who.this_room && !f->who.all_rooms))) return 0;
    if (f->who.barred && !op) return 0;
    if (f->verb != VERB_CREATE && f->room.named && !f->room.there) return 0;
    bool mod = tok && (f->who.can & CAN_MODERATE);
    if (f->verb == VERB_JOIN || f->verb == VERB_GUEST) {
        if (f->room.over || (f->room.locked && !mod)) return 0;
        if (f->verb == VERB_GUEST)
            return f->room.there && (f->room.rule == RULE_LINK || f->room.rule == RULE_LOBBY);
        if (f->room.members >= f->room.members_max) return 0;
        if (f->room.of_class == CLASS_DIRECT && f->who.plain_dev) return 0;
        bool here = tok && f->who.this_room && f->room.there && (f->who.can & CAN_JOIN);
        if (here) return f->room.rule == RULE_LOBBY && !mod && !f->who.admitted ? 2 : 1;
        return !tok && local && f->room.there && f->room.of_class == CLASS_GOVERNED;
    }
    if ((f->verb == VERB_KICK || f->verb == VERB_MUTE || f->verb == VERB_ADMIT || f->verb == VERB_UNBAR) &&
        !f->object.there)
        return 0;
    if (f->verb == VERB_KICK && f->object.self) return 0;
    if (f->verb == VERB_TOKEN && f->object.exceeds && !op) return 0;
    if (f->verb == VERB_RECORD &&
        (f->room.of_class != CLASS_GOVERNED || f->room.recording == RECORDING_FORBIDDEN))
        return 0;
    if (f->verb == VERB_RECORD && !f->archive) return 0;
    if (f->verb == VERB_UNRECORD && (!f->object.there || f->room.recording == RECORDING_REQUIRED)) return 0;
    bool of_recording = f->verb == VERB_RECORDING || f->verb == VERB_PLAY || f->verb == VERB_SHRED;
    if ((of_recording || f->verb == VERB_CONSENT) && !f->object.there) return 0;
    if (f->verb == VERB_SHRED && f->object.self) return 0;
    bool file = f->verb == VERB_FILE || f->verb == VERB_FETCH;
    if (file && f->room.there && f->room.of_class == CLASS_GOVERNED) return 0;
    if (op) return 1;
    bool admin = tok && (f->who.can & CAN_ADMIN);
    switch (f->verb) {
    case VERB_OPENAPI:
        return 1;
    case VERB_POLICY:
        return f->room.there || (admin && (f->who.all_rooms || f->who.this_room));
    case VERB_CREATE:
        return (tok && f->who.can & (CAN_CREATE | CAN_ADMIN)) ||
               (f->dev && (f->object.of_class == CLASS_GOVERNED || f->object.of_class == CLASS_SEALED));
    case VERB_LIST:
    case VERB_AUDIT:
    case VERB_EXPLAIN:
    case VERB_RECORDINGS:
    case VERB_RECORDING:
    case VERB_PLAY:
    case VERB_SHRED:
        return admin && f->who.all_rooms;
    default:
        break;
    }
    if (admin && (f->who.all_rooms || f->who.this_room)) return 1;
    bool here = tok && f->who.this_room && f->room.there;
    if (f->verb == VERB_SHOW || f->verb == VERB_CONSENT) return here && f->who.can & CAN_JOIN;
    bool inside = here && f->who.can & CAN_JOIN && (f->room.rule != RULE_LOBBY || f->who.admitted || mod);
    if (f->verb == VERB_FETCH || f->verb == VERB_RELAY) return inside;
    if (f->verb == VERB_FILE) return inside && f->who.can & CAN_CHAT;
    if (f->verb == VERB_MEMBERS && here && f->who.can & CAN_JOIN && f->room.rule != RULE_LOBBY) return 1;
    return f->verb != VERB_CLOSE && here && mod;
}

static void agrees_with_the_reference(void **state)
{
    (void)state;
    struct rng_seeded seeded = {49};
    struct rng rng = rng_from_seed(&seeded);
    unsigned yes = 0, no = 0, wait = 0, differ = 0;
    for (unsigned i = 0; i < 400000; i++) {
        uint8_t r[24];
        assert_ok(rng_fill(&rng, r, sizeof r));
        /* most faults are rare, so that the rules behind them are reached too */
        struct facts f = {
            .verb = (enum verb)(r[0] % (VERB_COUNT + 1)), .dev = r[1] & 1, .audit = r[1] % 11 != 0};
        f.who.operator_ = r[2] % 5 == 0;
        f.who.plain_dev = r[2] % 3 == 0;
        f.who.token = r[3] & 1;
        f.who.expired = r[3] % 13 == 2;
        f.who.bad = r[3] % 13 == 4;
        f.who.can = r[4];
        f.who.all_rooms = r[5] % 4 == 0;
        f.who.this_room = r[5] % 3 != 0;
        f.who.too_old = r[6] % 9 == 0;
        f.who.guest = r[6] & 1;
        f.who.barred = r[7] % 9 == 0;
        f.who.admitted = r[7] & 1;
        f.who.rate = r[8] % 13 == 0;
        f.room.named = r[8] & 1 || f.verb == VERB_JOIN;
        f.room.there = r[9] % 5 != 0;
        f.room.locked = r[9] % 3 == 0;
        f.room.over = r[10] % 9 == 0;
        f.room.of_class = (enum room_class)(r[10] % 5);
        f.room.rule = (enum join_rule)(r[11] % 4);
        f.room.open = r[12];
        f.room.members = r[13] % 8;
        f.room.members_max = r[14] % 12;
        f.object.there = r[15] % 4 != 0;
        f.object.self = r[15] % 5 == 0;
        f.object.of_class = (enum room_class)(r[16] % 5);
        f.object.exceeds = r[16] % 3 == 0;
        f.room.recording = (enum recording_rule)(r[17] % 3);
        f.archive = r[18] % 3 != 0;
        struct verdict v;
        const struct rule_text *t = rights_decide(&f, &v);
        int expected = reference(&f), got = v.allowed ? 1 : t->waits ? 2 : 0;
        differ += got != expected;
        if (got != expected && differ < 5)
            print_error("verb %s rule %u: %d, reference %d\n", verb_name(f.verb), v.rule, got, expected);
        yes += got == 1;
        no += got == 0;
        wait += got == 2;
        assert_true(v.allowed || v.can == 0);
        if (f.verb == VERB_JOIN && v.allowed && f.who.token) assert_int_equal(v.can & ~f.who.can, 0);
    }
    print_message("policy: %u yes, %u no, %u wait; disagreements %u\n", yes, no, wait, differ);
    assert_int_equal(differ, 0);
    assert_true(yes > 10000 && wait > 10);
}

static void nothing_known_is_no(void **state)
{
    (void)state;
    for (unsigned verb = 0; verb <= VERB_COUNT + 3; verb++) {
        struct facts f = {.verb = (enum verb)verb};
        struct verdict v;
        assert_false(rights_decide(&f, &v)->allows);
        f.audit = true;
        bool allowed = rights_decide(&f, &v)->allows;
        assert_int_equal(allowed, verb == VERB_OPENAPI);
        assert_true(v.reason[0] != 0);
    }
    for (unsigned n = 0; n < 100; n++)
        if (rights_rule(n)) assert_int_equal(rights_rule(n)->number, n);
}

static void a_room_that_is_for_moderators(void **state)
{
    (void)state;
    struct facts f = {.verb = VERB_JOIN, .audit = true};
    f.who.token = f.who.this_room = f.room.named = f.room.there = true;
    f.who.can = CAN_JOIN | CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT;
    f.room.open = CAN_SUBSCRIBE;
    f.room.members_max = 10;
    f.room.rule = RULE_TOKEN;
    assert_int_equal(rights_inside(&f), CAN_JOIN | CAN_SUBSCRIBE);
    f.who.can |= CAN_MODERATE | CAN_ADMIN;
    assert_int_equal(rights_inside(&f), CAN_JOIN | CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT | CAN_MODERATE);
}

/* --- tokens --- */

static const uint8_t priv[32] = {1, 2, 3}, other[32] = {9};
#define NOW         ((struct wall){1700000000000})
#define GOOD_HEADER "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}"
#define GOOD_CLAIMS                                                                                          \
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":\"demo\",\"sub\":\"s\",\"kind\":\"person\","        \
    "\"can\":[\"join\"],"                                                                                    \
    "\"iat\":1699999990,\"exp\":1700000100}"

static struct token_keys keys(void)
{
    const struct crypto *c = openssl_crypto();
    struct token_keys k = {.count = 1};
    size_t n;
    assert_ok(c->sign_public(c->ctx, CRYPTO_ED25519, SPAN_OF(priv), k.key[0], &n));
    assert_ok(token_kid(c, SPAN_OF(k.key[0]), k.kid[0]));
    return k;
}

static size_t make(const char *header, const char *claims, const uint8_t *key, uint8_t *out, size_t size)
{
    const struct crypto *c = openssl_crypto();
    struct writer w = writer_of(MSPAN(out, size));
    uint8_t sig[64];
    size_t n;
    base64url_write(&w, span_str(header));
    write_str(&w, ".");
    base64url_write(&w, span_str(claims));
    assert_ok(c->sign(c->ctx, CRYPTO_ED25519, SPAN(key, 32), writer_span(&w), sig, &n));
    token_finish(&w, SPAN(sig, n));
    assert_false(w.bad);
    return w.n;
}

static enum err open_made(const char *header, const char *claims)
{
    static uint8_t text[16384];
    struct token_keys k = keys();
    struct token t;
    size_t n = make(header, claims, priv, text, sizeof text);
    return token_open(openssl_crypto(), &k, SPAN(text, n), NOW, &t);
}

#define C(rest)                                                                                              \
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":\"demo\",\"sub\":\"s\",\"kind\":\"person\"," rest "}"
#define TIMES "\"iat\":1699999990,\"exp\":1700000100"

static const char *const bad_headers[] = {
    "{\"alg\":\"none\",\"typ\":\"JWT\"}",
    "{\"alg\":\"None\"}",
    "{\"alg\":\"NONE\"}",
    "{\"alg\":\"\"}",
    "{\"alg\":\"HS256\"}",
    "{\"alg\":\"HS512\"}",
    "{\"alg\":\"RS256\"}",
    "{\"alg\":\"ES256\"}",
    "{\"alg\":\"PS256\"}",
    "{\"alg\":\"Ed25519\"}",
    "{\"alg\":\"eddsa\"}",
    "{\"alg\":\"EDDSA\"}",
    "{\"alg\":\"EdDSA \"}",
    "{\"alg\":[\"EdDSA\"]}",
    "{\"alg\":null}",
    "{\"alg\":1}",
    "{}",
    "{\"typ\":\"JWT\"}",
    "{\"alg\":\"EdDSA\",\"typ\":\"JWE\"}",
    "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}",
    "{\"alg\":\"EdDSA\",\"alg\":\"none\"}",
    "{\"alg\":\"none\",\"alg\":\"EdDSA\"}",
    "{\"alg\":\"EdDSA\",\"\\u0061lg\":\"none\"}",
    "{\"alg\":\"EdDSA\",\"jku\":\"https://evil.example/k\"}",
    "{\"alg\":\"EdDSA\",\"jwk\":{\"kty\":\"OKP\"}}",
    "{\"alg\":\"EdDSA\",\"x5u\":\"https://evil.example/c\"}",
    "{\"alg\":\"EdDSA\",\"x5c\":[]}",
    "{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}",
    "{\"alg\":\"EdDSA\",\"crit\":[]}",
    "{\"alg\":\"EdDSA\",\"b64\":false}",
    "{\"alg\":\"EdDSA\",\"zip\":\"DEF\"}",
    "{\"alg\":\"EdDSA\",\"cty\":\"JWT\"}",
    "{\"alg\":\"EdDSA\",\"kid\":\"0000000000000000\"}",
    "{\"alg\":\"EdDSA\",\"kid\":\"../../dev/null\"}",
    "{\"alg\":\"EdDSA\",\"kid\":\"x' OR 1=1--\"}",
    "{\"alg\":\"EdDSA\",\"kid\":1}",
    "{\"alg\":\"EdDSA\",\"kid\":\"0123456789abcdef0123456789abcdef\"}",
    "[\"EdDSA\"]",
    "\"EdDSA\"",
    "null",
    "{\"alg\":\"EdDSA\"} ,",
    "{\"alg\":\"EdDSA\"",
    "{\"alg\":\"EdDSA\",}",
    "{'alg':'EdDSA'}",
    "{\"alg\":\"EdDSA\\u0000\"}",
};
static const char *const bad_claims[] = {
    "{}",
    "[]",
    "null",
    "\"\"",
    C("\"can\":[]"),
    C("\"exp\":1700000100"),
    C("\"iat\":1699999990"),
    C("\"can\":[\"join\"],\"iat\":1699999990,\"exp\":1700000000"), /* expires at this second */
    C("\"can\":[\"join\"],\"iat\":1699999000,\"exp\":1699999999"),
    C("\"iat\":1699999990,\"exp\":\"1700000100\""),
    C("\"iat\":1699999990,\"exp\":1700000100.5"),
    C("\"iat\":1699999990,\"exp\":1.7e9"),
    C("\"iat\":1699999990,\"exp\":-1"),
    C("\"iat\":1699999990,\"exp\":99999999999999999999"),
    C("\"iat\":1699999990,\"exp\":null"),
    C("\"iat\":1700000061,\"exp\":1700000100"),
    C("\"iat\":1700000050,\"exp\":1700000050"),
    C("\"iat\":1,\"exp\":1700000100"),
    C(TIMES ",\"nbf\":1700000061"),
    C(TIMES ",\"nbf\":1700000100"),
    C(TIMES ",\"nbf\":\"now\""),
    C(TIMES ",\"exp\":1800000000"),
    C(TIMES ",\"room\":\"demo\""),
    C(TIMES ",\"\\u0072oom\":\"other\""),
    C(TIMES ",\"can\":[\"root\"]"),
    C(TIMES ",\"can\":\"admin\""),
    C(TIMES ",\"can\":[1]"),
    C(TIMES ",\"can\":[\"join\",\"join\"]"),
    C(TIMES ",\"can\":{\"admin\":true}"),
    C(TIMES ",\"can\":[\"ADMIN\"]"),
    C(TIMES ",\"admin\":true"),
    C(TIMES ",\"scope\":\"*\""),
    C(TIMES ",\"__proto__\":{}"),
    C(TIMES ",\"name\":\"\\u202eevil\""),
    C(TIMES ",\"name\":\"a\\nb\""),
    C(TIMES ",\"name\":\"\\u0000\""),
    C(TIMES ",\"name\":7"),
    C(TIMES ",\"name\":\"\\ud800\""),
    C(TIMES ",\"jti\":\"0123456789012345678901234567890123456789\""),
    "{\"iss\":\"other\",\"aud\":\"incamera\",\"room\":\"demo\",\"sub\":\"s\",\"kind\":\"person\"," TIMES "}",
    "{\"aud\":\"incamera\",\"room\":\"demo\",\"sub\":\"s\",\"kind\":\"person\"," TIMES "}",
    "{\"iss\":\"incamera\",\"aud\":\"other\",\"room\":\"demo\",\"sub\":\"s\",\"kind\":\"person\"," TIMES "}",
    "{\"iss\":\"incamera\",\"aud\":[\"incamera\"],\"room\":\"demo\",\"sub\":\"s\",\"kind\":\"person\"," TIMES
    "}",
    "{\"iss\":\"incamera\",\"room\":\"demo\",\"sub\":\"s\",\"kind\":\"person\"," TIMES "}",
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"sub\":\"s\",\"kind\":\"person\"," TIMES "}",
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":\"demo\",\"kind\":\"person\"," TIMES "}",
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":\"demo\",\"sub\":\"\",\"kind\":\"person\"," TIMES
    "}",
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":\"demo\",\"sub\":\"s\"," TIMES "}",
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":\"demo\",\"sub\":\"s\",\"kind\":\"root\"," TIMES "}",
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":\"../etc\",\"sub\":\"s\",\"kind\":\"person\"," TIMES
    "}",
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":\"Demo\",\"sub\":\"s\",\"kind\":\"person\"," TIMES
    "}",
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":\"\",\"sub\":\"s\",\"kind\":\"person\"," TIMES "}",
    "{\"iss\":\"incamera\",\"aud\":\"incamera\",\"room\":{\"name\":\"demo\"},\"sub\":\"s\",\"kind\":"
    "\"person\"," TIMES "}",
    GOOD_CLAIMS GOOD_CLAIMS,
    GOOD_CLAIMS ",",
};

static void good_tokens_open(void **state)
{
    (void)state;
    struct token_keys k = keys();
    struct token t = {.room = "demo",
                      .name = "Ana \xc3\xa9",
                      .subject = "s1",
                      .id = "j1",
                      .can = CAN_JOIN | CAN_CHAT,
                      .kind = TOKEN_GUEST,
                      .issued = 1699999990,
                      .expires = 1700000100},
                 back;
    uint8_t text[TOKEN_BYTES_MAX], sig[64];
    size_t n;
    const struct crypto *c = openssl_crypto();
    struct writer w = writer_of(MSPAN(text, sizeof text));
    token_write(&w, &t, k.kid[0]);
    assert_ok(c->sign(c->ctx, CRYPTO_ED25519, SPAN_OF(priv), writer_span(&w), sig, &n));
    token_finish(&w, SPAN(sig, n));
    assert_ok(token_open(c, &k, writer_span(&w), NOW, &back));
    assert_memory_equal(&t, &back, sizeof t);
    assert_ok(open_made(GOOD_HEADER, GOOD_CLAIMS));
    assert_err(ERR_EXPIRED, token_open(c, &k, writer_span(&w), (struct wall){1700000100000}, &back));
}

static void forged_tokens_do_not(void **state)
{
    (void)state;
    static uint8_t text[16384];
    struct token_keys k = keys();
    struct token t, before;
    unsigned tried = 0;
    for (unsigned i = 0; i < COUNT_OF(bad_headers); i++, tried++)
        if (open_made(bad_headers[i], GOOD_CLAIMS) == OK) fail_msg("header %s was taken", bad_headers[i]);
    for (unsigned i = 0; i < COUNT_OF(bad_claims); i++, tried++)
        if (open_made(GOOD_HEADER, bad_claims[i]) == OK) fail_msg("claims %s were taken", bad_claims[i]);
    memset(&t, 7, sizeof t);
    before = t;
    size_t n = make(GOOD_HEADER, GOOD_CLAIMS, other, text, sizeof text);
    assert_err(ERR_AUTH, token_open(openssl_crypto(), &k, SPAN(text, n), NOW, &t));
    n = make(GOOD_HEADER, GOOD_CLAIMS, priv, text, sizeof text);
    for (size_t i = 0; i < n; i++, tried++) { /* every byte changed, cut off, doubled */
        uint8_t was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        if (token_open(openssl_crypto(), &k, SPAN(text, n), NOW, &t) == OK)
            fail_msg("byte %zu changed and taken", i);
        text[i] = was;
        assert_int_not_equal(token_open(openssl_crypto(), &k, SPAN(text, i), NOW, &t), OK);
    }
    static const char *const tails[] = {"=", ".", ".AA", " ", "\n", "A", "=="};
    for (unsigned i = 0; i < COUNT_OF(tails); i++, tried++) {
        memcpy(text + n, tails[i], strlen(tails[i]));
        assert_int_not_equal(token_open(openssl_crypto(), &k, SPAN(text, n + strlen(tails[i])), NOW, &t), OK);
    }
    assert_memory_equal(&t, &before, sizeof t);
    k.count = 0;
    assert_err(ERR_UNKNOWN, token_open(openssl_crypto(), &k, SPAN(text, n), NOW, &t));
    memset(text, 'A', sizeof text);
    assert_err(ERR_LIMIT, token_open(openssl_crypto(), &k, SPAN(text, TOKEN_BYTES_MAX + 1), NOW, &t));
    print_message("tokens: %u forged, 0 taken\n", tried);
}

static void base64url_has_one_spelling(void **state)
{
    (void)state;
    uint8_t in[16], out[16], text[32];
    struct span got;
    struct rng_seeded seeded = {5};
    for (size_t n = 0; n <= sizeof in; n++) {
        assert_ok(rng_seeded_fill(&seeded, in, sizeof in));
        struct writer w = writer_of(MSPAN(text, sizeof text));
        base64url_write(&w, SPAN(in, n));
        assert_ok(base64url_read(writer_span(&w), MSPAN(out, n), &got));
        assert_true(span_equal(got, SPAN(in, n)));
        if (n) assert_err(ERR_LIMIT, base64url_read(writer_span(&w), MSPAN(out, n - 1), &got));
    }
    static const char *const bad[] = {"A",    "AB",   "AAB",   "AA==",  "A+AA",
                                      "A/AA", "AA A", "AAA\n", "AAAAA", "\377AAA"};
    for (unsigned i = 0; i < COUNT_OF(bad); i++)
        assert_err(ERR_FORMAT, base64url_read(span_str(bad[i]), MSPAN(out, sizeof out), &got));
}

static void names(void **state)
{
    (void)state;
    assert_true(room_name_valid(span_str("a-room-7")));
    static const char *const rooms[] = {"", "A", "a_b", "a/b", "..", "a b", "a\xc3\xa9", "a%20"};
    for (unsigned i = 0; i < COUNT_OF(rooms); i++)
        assert_false(room_name_valid(span_str(rooms[i])));
    assert_true(person_name_valid(span_str("Zo\xc3\xab \xf0\x9f\x98\x80")));
    static const char *const people[] = {
        "", " ", "a\tb", "\x7f", "\xe2\x80\xaex", "\xef\xbb\xbf", "\xc3", "\xe2\x80\xa8"};
    for (unsigned i = 0; i < COUNT_OF(people); i++)
        assert_false(person_name_valid(span_str(people[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_reference),
        cmocka_unit_test(nothing_known_is_no),
        cmocka_unit_test(a_room_that_is_for_moderators),
        cmocka_unit_test(good_tokens_open),
        cmocka_unit_test(forged_tokens_do_not),
        cmocka_unit_test(base64url_has_one_spelling),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
