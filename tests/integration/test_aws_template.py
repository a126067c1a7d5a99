"""deploy/aws/template.yaml against the program that it deploys, and against what AWS's own linter says."""
import json
import os
import re
import subprocess

import pytest
from support.peers_python import python_with
from support.program import ROOT
from support.template import FILE, TEMPLATE, emf_names, functions, resources, settings, statements_of, targets_of, values_in

pytestmark = pytest.mark.own_stores

FUNCTIONS = {"donation-handler": "donation-events", "optout-handler": "optout-events", "cdr-logger": "call-events"}
RESERVED = re.compile(r"^(AWS_|_|LAMBDA_)")  # Lambda sets these itself and refuses them
SEEDS = {  # what the original functions were told
    "donation-handler": {"SMS_GATEWAY_TOPIC_ARN", "REDIS_HOST", "REDIS_PORT", "DONATION_LINK_BASE_URL", "DATABASE_API_URL"},
    "optout-handler": {"REDIS_HOST", "REDIS_PORT", "DATABASE_API_URL", "ASTERISK_WORKER_URL"},
    "cdr-logger": {"MONGODB_URI", "MONGODB_DATABASE", "REDIS_HOST", "REDIS_PORT"},
}
QUEUES = resources("AWS::SQS::Queue")
DEAD = {name for each in QUEUES.values() if "RedrivePolicy" in each for name in targets_of(each["RedrivePolicy"])}
each_function = pytest.mark.parametrize("function", FUNCTIONS)


@pytest.fixture(scope="module")
def sam():
    try:
        return python_with("sam", "aws-sam-cli==1.*").parent / "sam"
    except subprocess.CalledProcessError as why:
        pytest.skip(f"aws-sam-cli cannot be had here: {why}")


def names_in(name):
    """One, or those of the two cases of an !If; a FIFO topic's without its ending."""
    return {each.removesuffix(".fifo") for each in ([name] if isinstance(name, str) else name["Fn::If"][1:])}


def function_resource(function):
    return next(name for name, each in resources("AWS::Lambda::Function").items() if each["FunctionName"] == function)


def role_of(function):
    [name] = targets_of(functions()[function]["Role"])
    return resources("AWS::IAM::Role")[name]


def queue_of(function):
    [source] = [each for each in resources("AWS::Lambda::EventSourceMapping").values() if targets_of(each["FunctionName"]) == {function_resource(function)}]
    [queue] = targets_of(source["EventSourceArn"])
    return queue, source


def test_sam_and_its_linter_take_the_template(sam, tmp_path):
    done = subprocess.run([sam, "validate", "--lint", "--region", "us-east-1", "--template", FILE], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SAM_CLI_TELEMETRY": "0", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout + done.stderr


# ---- delivery ----

def test_topics_have_the_names_by_which_handlers_know_events():
    """Those of presses and calls, and what asks a gateway for a text; whoever carries the texts himself has topics that are none of AWS's."""
    named = {name for each in resources("AWS::SNS::Topic").values() for name in names_in(each["TopicName"])}
    handled = set(re.findall(r'\.topic = "([\w-]+)"', "".join(file.read_text() for file in (ROOT / "src/event").glob("*.c"))))
    assert named - {"pledgeline-alarms"} == {*FUNCTIONS.values(), "sms-gateway", "tts-fallback"} <= handled


@each_function
def test_a_function_is_fed_by_the_queue_of_its_topic(function):
    queue, source = queue_of(function)
    assert QUEUES[queue]["QueueName"] == FUNCTIONS[function]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    [subscription] = [each for each in resources("AWS::SNS::Subscription").values() if queue in targets_of(each["Endpoint"])]
    [topic] = targets_of(subscription["TopicArn"])
    assert resources("AWS::SNS::Topic")[topic]["TopicName"] == FUNCTIONS[function]
    assert subscription.get("RawMessageDelivery") in (None, False)


def test_every_queue_has_a_dead_letter_queue_of_its_own():
    assert len(DEAD) == len(QUEUES) - len(DEAD) == len(FUNCTIONS)
    for name, queue in QUEUES.items():
        assert (name in DEAD) != ("RedrivePolicy" in queue), name
        assert name in DEAD or queue["RedrivePolicy"]["maxReceiveCount"] == 12, name
        assert queue["KmsMasterKeyId"] and queue["MessageRetentionPeriod"] == 14 * 86400, name


def test_every_subscription_keeps_what_it_cannot_deliver():
    for name, each in resources("AWS::SNS::Subscription").items():
        assert each["Protocol"] == "email" or targets_of(each["RedrivePolicy"]) <= DEAD, name


@each_function
def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_take(function):
    queue, _ = queue_of(function)
    assert QUEUES[queue]["VisibilityTimeout"] >= 6 * functions()[function]["Timeout"]


@each_function
def test_what_a_function_called_by_sns_cannot_finish_is_a_dead_letter(function):
    [failures] = [each for each in resources("AWS::Lambda::EventInvokeConfig").values() if targets_of(each["FunctionName"]) == {function_resource(function)}]
    queue, _ = queue_of(function)
    assert targets_of(failures["DestinationConfig"]["OnFailure"]) == targets_of(QUEUES[queue]["RedrivePolicy"])


# ---- rights ----

def test_no_policy_says_all_of_anything():
    policies = values_in(TEMPLATE, "PolicyDocument") + values_in(TEMPLATE, "AssumeRolePolicyDocument")
    said = [each for policy in policies for key in ("Action", "Resource", "Principal") for each in values_in(policy, key)]
    assert len(policies) >= 7 and not re.search(r'\*', json.dumps(said))


def test_the_key_is_all_that_its_policy_speaks_of():
    [key] = resources("AWS::KMS::Key").values()
    for statement in key["KeyPolicy"]["Statement"]:
        assert "*" not in json.dumps([statement["Action"], statement["Principal"]]), statement


@each_function
def test_a_function_may_reach_its_own_things_and_no_others(function):
    queue, _ = queue_of(function)
    may = {(action, target) for each in statements_of(role_of(function)) for target in targets_of(each["Resource"])
           for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])}
    log = next(name for name, each in resources("AWS::Logs::LogGroup").items() if each["LogGroupName"] == f"/aws/lambda/{function}")
    topics = {("sns:Publish", "SmsGatewayTopic"), ("sns:Publish", "TtsFallbackTopic")} if function == "donation-handler" else set()
    [dead] = targets_of(QUEUES[queue]["RedrivePolicy"])
    assert may == topics | {("sqs:SendMessage", dead), ("kms:Decrypt", "Key"), ("kms:GenerateDataKey", "Key"),
                            ("logs:CreateLogStream", log), ("logs:PutLogEvents", log),
                            *((f"sqs:{verb}", queue) for verb in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"))}


def test_queues_take_messages_from_their_topic_alone():
    for each in resources("AWS::SQS::QueuePolicy").values():
        [statement] = each["PolicyDocument"]["Statement"]
        assert statement["Action"] == "sqs:SendMessage"
        [topic] = targets_of(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        [queue] = {QUEUES[name]["QueueName"].removesuffix("-dead") for name in targets_of(each["Queues"])}
        assert resources("AWS::SNS::Topic")[topic]["TopicName"] == queue


# ---- settings ----

@each_function
def test_every_variable_is_a_setting_and_those_of_the_original_are_there(function):
    variables = set(functions()[function]["Environment"]["Variables"])
    assert variables <= set(settings())
    assert not [name for name in variables if RESERVED.match(name)]
    assert SEEDS[function] <= variables


def test_parameters_that_hold_secrets_are_never_shown():
    secrets = {name for name, kind in settings().items() if kind == "SECRET"}
    for function in functions().values():
        for name, value in function["Environment"]["Variables"].items():
            parameters = {ref for ref in values_in(value, "Ref") if ref in TEMPLATE["Parameters"]}
            assert name not in secrets or all(TEMPLATE["Parameters"][each].get("NoEcho") for each in parameters), name


def test_a_secret_of_secrets_manager_wins_over_parameters():
    for function in functions().values():
        for name, value in function["Environment"]["Variables"].items():
            if settings()[name] == "SECRET":
                assert f":SecretString:{name}:" in json.dumps(value), name


@each_function
def test_the_readme_lists_the_variables_that_are_set(function):
    page = (ROOT / "src/lambda" / function / "README.md").read_text()
    table = page.split("## Environment Variables")[1].split("\n## ")[0]
    listed = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    assert listed - {"AWS_REGION"} == set(functions()[function]["Environment"]["Variables"])
    assert listed <= set(settings())


# ---- watching ----

def alarms_of(function):
    names = {"Ref": function_resource(function)}
    return {metric for each in resources("AWS::CloudWatch::Alarm").values() if names in values_in(each, "Value") for metric in values_in(each, "MetricName")}


@each_function
def test_a_function_has_an_alarm_on_errors_and_on_slowness(function):
    assert {"Errors", "Invocations", "Duration"} <= alarms_of(function)


def test_every_dead_letter_queue_has_an_alarm():
    watched = set()
    for each in resources("AWS::CloudWatch::Alarm").values():
        if each.get("MetricName") == "ApproximateNumberOfMessagesVisible" and each["Threshold"] == 0:
            watched |= targets_of(each["Dimensions"])
    assert watched == DEAD


def test_an_opt_out_that_waits_for_more_than_five_seconds_is_an_alarm():
    [age] = [each for each in resources("AWS::CloudWatch::Alarm").values() if each.get("MetricName") == "ApproximateAgeOfOldestMessage"]
    assert (targets_of(age["Dimensions"]), age["Threshold"]) == ({"OptoutQueue"}, 5)


def test_every_metric_of_ours_that_is_watched_is_one_that_is_sent():
    watched = {each["MetricName"] for each in resources("AWS::CloudWatch::Alarm").values() if each.get("Namespace") == "Pledgeline"}
    [dashboard] = resources("AWS::CloudWatch::Dashboard").values()
    shown = json.loads(dashboard["DashboardBody"]["Fn::Sub"].replace("${AWS::Region}", "us-east-1"))
    metrics = [metric for widget in shown["widgets"] for metric in widget["properties"]["metrics"]]
    watched |= {metric[1] for metric in metrics if metric[0] == "Pledgeline"}
    assert len(watched) > 10 and watched <= emf_names()
    assert {metric[3] for metric in metrics if metric[2] in ("service", "FunctionName")} == set(FUNCTIONS)


def test_every_alarm_is_sent_to_somebody():
    for name, each in resources("AWS::CloudWatch::Alarm").items():
        assert targets_of(each["AlarmActions"]) == {"AlarmTopic"} and each["TreatMissingData"] == "notBreaching", name


def test_no_log_is_kept_for_ever():
    groups = resources("AWS::Logs::LogGroup").values()
    assert {each["LogGroupName"] for each in groups} == {f"/aws/lambda/{function}" for function in FUNCTIONS}
    assert all(each["RetentionInDays"] for each in groups)
