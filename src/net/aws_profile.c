/* The files of `aws configure`. libinih cuts lines at 200 bytes and a session token is longer, so they are read here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/aws_credentials.h"

/* What a profile says that matters to us, in both files together. */
typedef struct Profile {
    Slice name;
    bool is_there;
    AwsKeys in_credentials, in_config;
    bool wants_role, wants_sso, wants_process;
} Profile;

/* "[default]", and in the config file "[profile name]". */
static bool is_head_of(Slice line, const Profile *profile, bool is_config)
{
    const char *end = memchr(line.at, ']', line.bytes);
    Slice name = slice_trim((Slice){line.at + 1, end ? (size_t)(end - line.at - 1) : 0}, " \t\r\n");
    const Slice prefix = SLICE("profile");
    if (is_config && slice_starts_with(name, SLICE("profile ")))
        name = slice_trim((Slice){name.at + prefix.bytes, name.bytes - prefix.bytes}, " \t\r\n");
    else if (is_config && !slice_equal(name, SLICE("default")))
        return false;
    return slice_equal(name, profile->name);
}

static void take_setting(Profile *profile, Slice name, Slice value, bool is_config, Arena *arena)
{
    AwsKeys *keys = is_config ? &profile->in_config : &profile->in_credentials;
    const struct { Slice name; Slice *field; } fields[] = {{SLICE_INIT("aws_access_key_id"), &keys->id},
                                                           {SLICE_INIT("aws_secret_access_key"), &keys->secret},
                                                           {SLICE_INIT("aws_session_token"), &keys->session_token}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (slice_equal(name, fields[i].name))
            *fields[i].field = arena_copy(arena, value);
    }
    profile->wants_role |= slice_equal(name, SLICE("role_arn"));
    profile->wants_sso |= slice_starts_with(name, SLICE("sso_"));
    profile->wants_process |= slice_equal(name, SLICE("credential_process"));
}

static void take_line(Profile *profile, Slice line, bool is_config, bool *is_ours, Arena *arena)
{
    bool is_indented = line.bytes && strchr(" \t", line.at[0]); /* of a setting with settings of its own */
    const char *equals = memchr(line.at, '=', line.bytes);
    Slice text = slice_trim(line, " \t\r\n");
    if (slice_empty(text) || strchr("#;", text.at[0]) || is_indented)
        return;
    if (text.at[0] == '[') {
        *is_ours = is_head_of(text, profile, is_config);
        profile->is_there |= *is_ours;
        return;
    }
    if (!*is_ours || !equals)
        return;
    Slice name = slice_trim((Slice){line.at, (size_t)(equals - line.at)}, " \t\r\n");
    Slice value = slice_trim((Slice){equals + 1, (size_t)(line.at + line.bytes - equals - 1)}, " \t\r\n");
    take_setting(profile, name, value, is_config, arena);
}

/* A file that is not there says nothing. */
static Status read_file(const char *path, bool is_config, Profile *profile, Arena *arena, Fault *fault)
{
    FILE *file = fopen(path, "re");
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return STATUS_OK;
    if (!file)
        return fault_set(fault, STATUS_REJECT, "aws_credentials", "%.120s: %s", path, strerror(errno));
    char *line = NULL;
    size_t room = 0;
    bool is_ours = false;
    for (ssize_t bytes; (bytes = getline(&line, &room, file)) >= 0;)
        take_line(profile, (Slice){line, (size_t)bytes}, is_config, &is_ours, arena);
    free(line);
    fclose(file);
    return STATUS_OK;
}

static const char *path_of(const char *variable, const char *name, Arena *arena)
{
    const char *path = getenv(variable), *home = getenv("HOME");
    return path && *path ? path : arena_printf(arena, "%s/.aws/%s", home ? home : "", name).at;
}

static Status refuse(const Profile *profile, const char *wants, Fault *fault)
{
    return fault_set(fault, STATUS_REJECT, "aws_credentials",
                     "the AWS profile \"%.60s\" wants %s, which is not supported: use keys, a container's or an instance's role", profile->name.at, wants);
}

/* The order is that of the AWS command line. */
static Status choose(const Profile *profile, AwsFound *ret, Fault *fault)
{
    if (profile->wants_role)
        return refuse(profile, "another role (role_arn)", fault);
    if (profile->wants_sso)
        return refuse(profile, "a login (sso_…)", fault);
    if (slice_empty(profile->in_credentials.id) && profile->wants_process)
        return refuse(profile, "a program (credential_process)", fault);
    AwsKeys keys = slice_empty(profile->in_credentials.id) ? profile->in_config : profile->in_credentials;
    if (!slice_empty(keys.id) && slice_empty(keys.secret))
        return fault_set(fault, STATUS_REJECT, "aws_credentials", "the AWS profile \"%.60s\" has no aws_secret_access_key", profile->name.at);
    ret->keys = keys;
    return STATUS_OK;
}

Status aws_profile_find(Arena *arena, AwsFound *ret, Fault *fault)
{
    const char *named = getenv("AWS_PROFILE"), *also_named = getenv("AWS_DEFAULT_PROFILE");
    named = named && *named ? named : also_named && *also_named ? also_named : NULL;
    Profile profile = {.name = slice_of(named ? named : "default")};
    Status status = read_file(path_of("AWS_SHARED_CREDENTIALS_FILE", "credentials", arena), false, &profile, arena, fault);
    status = status ? status : read_file(path_of("AWS_CONFIG_FILE", "config", arena), true, &profile, arena, fault);
    if (status)
        return status;
    if (named && !profile.is_there)
        return fault_set(fault, STATUS_REJECT, "aws_credentials", "AWS_PROFILE is \"%.60s\", and neither file of aws configure has such a profile", named);
    return choose(&profile, ret, fault);
}
