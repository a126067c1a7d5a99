/* The data folder: one owner, whom others can name; secrets that are made once. */
#include "contract.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/data_folder.h"

typedef Contract World; /* without ports */

static const char *path_of(World *world, const char *name) { return arena_printf(&world->arena, "%s/%s", world->folder, name).at; }

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* What a child finds when it tries to hold the folder: its status as exit code. */
static int hold_in_another_process(World *world)
{
    pid_t child = fork();
    if (child == 0) {
        DataFolder folder;
        _exit((int)data_folder_hold(&folder, world->folder, 0, NULL));
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    return WEXITSTATUS(ended);
}

/* ---- the folder ---- */

static void missing_folders_are_made_for_this_user_only(void **state)
{
    World *world = *state;
    const char *path = path_of(world, "a/b/data");
    struct stat info;
    assert_int_equal(data_folder_make(path, &world->fault), STATUS_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(data_folder_make(path, &world->fault), STATUS_OK);
}

static void path_that_is_no_folder_is_refused(void **state)
{
    World *world = *state;
    write_file(path_of(world, "file"), "x");
    assert_int_equal(data_folder_make(path_of(world, "file"), &world->fault), STATUS_FATAL);
    assert_string_equal(world->fault.code, "data_folder_unusable");
    assert_int_equal(data_folder_make(path_of(world, "file/below"), &world->fault), STATUS_FATAL);
    assert_int_equal(data_folder_make("", &world->fault), STATUS_FATAL);
}

/* ---- the lock ---- */

static void second_owner_is_told_who_the_first_is(void **state)
{
    World *world = *state;
    DataFolder first, second;
    assert_int_equal(data_folder_hold(&first, world->folder, 0, &world->fault), STATUS_OK);
    assert_int_equal(data_folder_announce(&first, "http://127.0.0.1:8080", &world->fault), STATUS_OK);
    assert_int_equal(data_folder_hold(&second, world->folder, 0, &world->fault), STATUS_FATAL);
    assert_string_equal(world->fault.code, "data_folder_busy");
    assert_non_null(strstr(world->fault.text, world->folder));
    assert_non_null(strstr(world->fault.text, arena_printf(&world->arena, "process %d, since 2", (int)getpid()).at));
    assert_non_null(strstr(world->fault.text, ", on http://127.0.0.1:8080"));
    assert_int_equal(hold_in_another_process(world), STATUS_FATAL);
    data_folder_release(&first);
    assert_int_equal(hold_in_another_process(world), STATUS_OK);
}

static void *hold_and_wait(void *context)
{
    World *world = context;
    DataFolder folder;
    Status status = data_folder_hold(&folder, world->folder, 60000, NULL);
    data_folder_release(&folder);
    return (void *)(intptr_t)status;
}

static void owner_that_ends_soon_is_waited_for(void **state)
{
    World *world = *state;
    DataFolder first;
    pthread_t waiting;
    void *status;
    assert_int_equal(data_folder_hold(&first, world->folder, 0, &world->fault), STATUS_OK);
    assert_int_equal(pthread_create(&waiting, NULL, hold_and_wait, world), 0);
    data_folder_release(&first);
    assert_int_equal(pthread_join(waiting, &status), 0);
    assert_int_equal((Status)(intptr_t)status, STATUS_OK);
}

static void holder_is_known_while_it_holds_and_not_after(void **state)
{
    World *world = *state;
    DataFolder folder;
    FolderHolder holder;
    assert_false(data_folder_holder(world->folder, &world->arena, &holder));
    assert_int_equal(data_folder_hold(&folder, world->folder, 0, &world->fault), STATUS_OK);
    assert_true(data_folder_holder(world->folder, &world->arena, &holder));
    assert_slice(holder.base_url, "");
    assert_int_equal(data_folder_announce(&folder, "http://127.0.0.1:9", &world->fault), STATUS_OK);
    assert_true(data_folder_holder(world->folder, &world->arena, &holder));
    assert_slice(holder.base_url, "http://127.0.0.1:9");
    assert_slice(holder.pid, arena_printf(&world->arena, "%d", (int)getpid()).at);
    data_folder_release(&folder);
    assert_false(data_folder_holder(world->folder, &world->arena, &holder));
}

static void stale_file_of_a_dead_process_does_not_count_and_tells_of_the_crash(void **state)
{
    World *world = *state;
    DataFolder folder;
    FolderHolder holder;
    assert_int_equal(hold_in_another_process(world), STATUS_OK); /* which ended without releasing it */
    assert_false(data_folder_holder(world->folder, &world->arena, &holder));
    assert_int_equal(data_folder_hold(&folder, world->folder, 0, &world->fault), STATUS_OK);
    assert_true(folder.after_crash);
    data_folder_release(&folder);
    assert_int_equal(data_folder_hold(&folder, world->folder, 0, &world->fault), STATUS_OK);
    assert_false(folder.after_crash);
    data_folder_release(&folder);
}

/* ---- secrets ---- */

static void secret_is_made_once_and_kept(void **state)
{
    World *world = *state;
    Slice first, second;
    struct stat info;
    assert_int_equal(data_folder_secret(world->folder, "link.key", true, &world->arena, &first, &world->fault), STATUS_OK);
    assert_int_equal(data_folder_secret(world->folder, "link.key", true, &world->arena, &second, &world->fault), STATUS_OK);
    assert_int_equal(first.bytes, 64);
    assert_true(slice_equal(first, second));
    assert_int_equal(stat(path_of(world, "link.key"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void looking_for_a_secret_makes_none(void **state)
{
    World *world = *state;
    Slice secret;
    assert_int_equal(data_folder_secret(world->folder, "link.key", false, &world->arena, &secret, &world->fault), STATUS_OK);
    assert_int_equal(secret.bytes, 0);
    assert_int_not_equal(access(path_of(world, "link.key"), F_OK), 0);
}

static void crash_while_making_a_secret_leaves_no_half_key(void **state)
{
    World *world = *state;
    Slice secret;
    write_file(path_of(world, "link.key.new"), "abc");
    assert_int_equal(data_folder_secret(world->folder, "link.key", true, &world->arena, &secret, &world->fault), STATUS_OK);
    assert_int_equal(secret.bytes, 64);
}

static void damaged_secret_is_refused_and_never_replaced(void **state)
{
    World *world = *state;
    Slice secret;
    write_file(path_of(world, "link.key"), "short\n");
    assert_int_equal(data_folder_secret(world->folder, "link.key", true, &world->arena, &secret, &world->fault), STATUS_FATAL);
    assert_string_equal(world->fault.code, "secret_unreadable");
}

static void own_secret_in_the_file_is_taken_without_its_newline(void **state)
{
    World *world = *state;
    Slice secret;
    write_file(path_of(world, "link.key"), "a key that I chose myself\n");
    assert_int_equal(data_folder_secret(world->folder, "link.key", true, &world->arena, &secret, &world->fault), STATUS_OK);
    assert_slice(secret, "a key that I chose myself");
}

#define FOLDER_TEST(function) cmocka_unit_test_setup_teardown(function, contract_setup_folder, contract_teardown_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(missing_folders_are_made_for_this_user_only),
        FOLDER_TEST(path_that_is_no_folder_is_refused),
        FOLDER_TEST(second_owner_is_told_who_the_first_is),
        FOLDER_TEST(owner_that_ends_soon_is_waited_for),
        FOLDER_TEST(holder_is_known_while_it_holds_and_not_after),
        FOLDER_TEST(stale_file_of_a_dead_process_does_not_count_and_tells_of_the_crash),
        FOLDER_TEST(secret_is_made_once_and_kept),
        FOLDER_TEST(looking_for_a_secret_makes_none),
        FOLDER_TEST(crash_while_making_a_secret_leaves_no_half_key),
        FOLDER_TEST(damaged_secret_is_refused_and_never_replaced),
        FOLDER_TEST(own_secret_in_the_file_is_taken_without_its_newline),
    };
    return cmocka_run_group_tests_name("data folder", tests, NULL, NULL);
}
