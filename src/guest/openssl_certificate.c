/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/openssl_certificate.h"

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#include "base/secret.h"

static bool is_address(const char *name)
{
    ASN1_OCTET_STRING *a = a2i_IPADDRESS(name);
    ASN1_OCTET_STRING_free(a);
    return a != NULL;
}

static bool add_names(X509 *x, const char *const *names, unsigned count)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();
    bool good = all != NULL;
    for (unsigned i = 0; good && i < count; i++) {
        GENERAL_NAME *n =
            a2i_GENERAL_NAME(NULL, NULL, NULL, is_address(names[i]) ? GEN_IPADD : GEN_DNS, names[i], 0);
        good = n && sk_GENERAL_NAME_push(all, n) > 0;
        if (!good) GENERAL_NAME_free(n);
    }
    good = good && X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(all);
    return good;
}

static bool add_basic(X509 *x, int nid, const char *value)
{
    X509V3_CTX c;
    X509V3_set_ctx_nodb(&c);
    X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    bool good = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return good;
}

static bool fill(X509 *x, EVP_PKEY *key, const char *const *names, unsigned count, unsigned days)
{
    uint8_t serial[16];
    X509_NAME *name = X509_get_subject_name(x);
    if (RAND_bytes(serial, sizeof serial) != 1) return false;
    serial[0] &= 0x7f;
    BIGNUM *n = BN_bin2bn(serial, sizeof serial, NULL);
    bool good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) &&
                X509_set_version(x, X509_VERSION_3) == 1 && X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
                X509_time_adj_ex(X509_getm_notAfter(x), (int)days, 0, NULL) && X509_set_pubkey(x, key) == 1 &&
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"incamera development",
                                           -1, -1, 0) == 1 &&
                X509_set_issuer_name(x, name) == 1 && add_names(x, names, count) &&
                add_basic(x, NID_basic_constraints, "critical,CA:FALSE") &&
                add_basic(x, NID_key_usage, "critical,digitalSignature") &&
                add_basic(x, NID_ext_key_usage, "serverAuth") && X509_sign(x, key, EVP_sha256()) > 0;
    BN_free(n);
    return good;
}

enum err certificate_make(const char *const *names, unsigned count, unsigned days, struct buf *pem)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *out = BIO_new(BIO_s_secmem());
    enum err e = ERR_CRYPTO;
    if (key && x && out && fill(x, key, names, count, days) &&
        PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_X509(out, x) == 1) {
        char *text;
        long n = BIO_get_mem_data(out, &text);
        e = n > 0 ? buf_add(pem, SPAN(text, (size_t)n)) : ERR_CRYPTO;
    }
    BIO_free(out);
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return e;
}

enum err certificate_days(struct span pem, int *days)
{
    BIO *in = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    int d = 0, s = 0;
    bool good = x && ASN1_TIME_diff(&d, &s, NULL, X509_get0_notAfter(x)) == 1;
    X509_free(x);
    BIO_free(in);
    ERR_clear_error();
    if (!good) return ERR_FORMAT;
    *days = s < 0 ? d - 1 : d;
    return OK;
}

const char *certificate_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}
