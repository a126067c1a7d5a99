"""deploy/aws/template.yaml against the program that it deploys, and against what AWS's own linter says."""
import itertools
import json
import os
import re
import subprocess

import pytest
from support.peers_python import python_with
from support.program import ROOT
from support.template import (FILE, TEMPLATE, Deployment, asked_for, defaults, deployed, emf_names, functions, resources, settings, statements_of,
                              targets_of, values_in)

pytestmark = pytest.mark.own_stores

FUNCTIONS = {"donation-handler": "donation-events", "optout-handler": "optout-events", "cdr-logger": "call-events",
             "sms-gateway": "sms-gateway", "tts-fallback": "tts-fallback"}
# What deploys those that only some want: they reach people, and wait for quiet hours to end.
OPTIONAL = {"sms-gateway": {"SmsProviders": "twilio,aws"},
            "tts-fallback": {"Asterisk": "ari", "Dial": "PJSIP/{digits}@trunk", "CallerId": "+12025550100"}}
ALL = {name: value for parameters in OPTIONAL.values() for name, value in parameters.items()}
RESERVED = re.compile(r"^(AWS_|_|LAMBDA_)")  # Lambda sets these itself and refuses them
SEEDS = {  # what the original functions were told
    "donation-handler": {"SMS_GATEWAY_TOPIC_ARN", "REDIS_HOST", "REDIS_PORT", "DONATION_LINK_BASE_URL", "DATABASE_API_URL"},
    "optout-handler": {"REDIS_HOST", "REDIS_PORT", "DATABASE_API_URL", "ASTERISK_WORKER_URL"},
    "cdr-logger": {"MONGODB_URI", "MONGODB_DATABASE", "REDIS_HOST", "REDIS_PORT"},
    "sms-gateway": set(), "tts-fallback": set(),
}
QUEUES = resources("AWS::SQS::Queue")
DEAD = {name for each in QUEUES.values() if "RedrivePolicy" in each for name in targets_of(each["RedrivePolicy"])}
each_function = pytest.mark.parametrize("function", FUNCTIONS)
each_optional = pytest.mark.parametrize("function", OPTIONAL)
each_usual = pytest.mark.parametrize("function", [each for each in FUNCTIONS if each not in OPTIONAL])


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


def role_of(function, **parameters):
    [name] = targets_of(functions()[function]["Role"])
    return deployed(**ALL, **parameters)[name]["Properties"]


def variables_of(function, **parameters):
    """As they are told to the function."""
    return deployed(**parameters)[function_resource(function)]["Properties"]["Environment"]["Variables"]


def of_kind(stack, kind):
    return {name: each["Properties"] for name, each in stack.items() if each["Type"] == kind}


def rows_of(stack):
    """The metrics of the dashboard, as text."""
    return [json.dumps(metric) for widget in json.loads(stack["Dashboard"]["Properties"]["DashboardBody"])["widgets"] for metric in widget["properties"]["metrics"]]


def queue_of(function):
    [source] = [each for each in resources("AWS::Lambda::EventSourceMapping").values() if targets_of(each["FunctionName"]) == {function_resource(function)}]
    [queue] = targets_of(source["EventSourceArn"])
    return queue, source


def test_sam_and_its_linter_take_the_template(sam, tmp_path):
    done = subprocess.run([sam, "validate", "--lint", "--region", "us-east-1", "--template", FILE], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SAM_CLI_TELEMETRY": "0", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_function_is_in_the_template():
    assert set(functions()) == set(FUNCTIONS) == {file.parent.name for file in (ROOT / "src/lambda").glob("*/main.c")}


def test_the_walk_through_deploys_a_template_of_this_size():
    """What is larger than 51,200 bytes goes through a bucket, and nothing is larger than 1 MB."""
    assert FILE.stat().st_size <= 51200 or "--s3-bucket" in (ROOT / "docs/aws.md").read_text()
    assert FILE.stat().st_size <= 1000000 and FILE.read_text().count("{{resolve:") <= 60


# ---- what only some want ----

def test_what_is_optional_is_not_there_unless_it_is_wanted():
    plain = deployed()
    assert {each["FunctionName"] for each in of_kind(plain, "AWS::Lambda::Function").values()} == set(FUNCTIONS) - set(OPTIONAL)
    assert not [name for name in plain if name.startswith(("SmsGateway", "TtsFallback")) and not name.endswith("Topic")]
    assert not [row for row in rows_of(plain) if any(function in row for function in OPTIONAL)]


@each_optional
@pytest.mark.parametrize("usual", [{}, {"Delivery": "direct"}, {"SmsGatewayFifo": "yes"}])
def test_what_is_optional_adds_something_and_changes_nothing(function, usual):
    before, after = Deployment(usual), Deployment({**usual, **OPTIONAL[function]})
    for section in ("Resources", "Outputs"):
        plain, full = before.made(section), after.made(section)
        assert {name: full[name] for name in plain if name != "Dashboard"} == {name: each for name, each in plain.items() if name != "Dashboard"}
        assert len(full) > len(plain)
    rows = rows_of(before.made("Resources")), rows_of(after.made("Resources"))
    assert [row for row in rows[1] if row in rows[0]] == rows[0]
    named = {function, queue_of(function)[0], *targets_of(QUEUES[queue_of(function)[0]]["RedrivePolicy"])}
    assert all(any(name in row for name in named) for row in rows[1] if row not in rows[0])


@pytest.mark.parametrize("wanted", itertools.chain.from_iterable(itertools.combinations(OPTIONAL, count) for count in range(3)))
def test_whatever_is_wanted_all_that_it_needs_is_there(wanted):
    chosen = {name: value for function in wanted for name, value in OPTIONAL[function].items()}
    for delivery, fifo, secret, subnets in itertools.product(("queues", "direct"), ("yes", "no"), ("", "arn:secret"), ("", "subnet-1,subnet-2")):
        deployment = Deployment({**chosen, "Delivery": delivery, "SmsGatewayFifo": fifo, "SecretArn": secret, "SubnetIds": subnets})
        made = deployment.made("Resources")
        for name, each in {**made, **deployment.made("Outputs")}.items():
            assert asked_for(each) <= set(made), name


@pytest.mark.parametrize("rule", TEMPLATE["Rules"])
def test_rules_hold_for_what_the_walk_through_deploys_and_not_for_less(rule):
    right = {"CodeBucket": "bucket", **ALL}
    wrong = {"CodeBucket": "none", **ALL, "Dial": ""}

    def holds(parameters):
        deployment, said = Deployment(parameters), TEMPLATE["Rules"][rule]
        return not deployment.value(said.get("RuleCondition", True)) or all(deployment.value(each["Assert"]) for each in said["Assertions"])

    assert holds(right) and not holds(wrong)


# ---- delivery ----

def test_topics_have_the_names_by_which_handlers_know_events():
    """Those of presses and calls, and what asks a gateway for a text; whoever carries the texts himself has topics that are none of AWS's."""
    named = {name for each in resources("AWS::SNS::Topic").values() for name in names_in(each["TopicName"])}
    handled = set(re.findall(r'\.topic = "([\w-]+)"', "".join(file.read_text() for file in (ROOT / "src/event").glob("*.c"))))
    assert named - {"pledgeline-alarms"} == {*FUNCTIONS.values(), "sms-gateway", "tts-fallback"} <= handled


@each_function
def test_a_function_is_fed_by_the_queue_of_its_topic(function):
    queue, source = queue_of(function)
    assert names_in(QUEUES[queue]["QueueName"]) == {FUNCTIONS[function]}
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    [subscription] = [each for each in resources("AWS::SNS::Subscription").values() if queue in targets_of(each["Endpoint"])]
    [topic] = targets_of(subscription["TopicArn"])
    assert names_in(resources("AWS::SNS::Topic")[topic]["TopicName"]) == {FUNCTIONS[function]}
    assert subscription.get("RawMessageDelivery") in (None, False)


def test_every_queue_has_a_dead_letter_queue_of_its_own():
    assert len(DEAD) == len(QUEUES) - len(DEAD) == len(FUNCTIONS)
    for name, queue in QUEUES.items():
        assert (name in DEAD) != ("RedrivePolicy" in queue), name
        receives = 1000 if names_in(queue["QueueName"]) & set(OPTIONAL) else 12
        assert name in DEAD or queue["RedrivePolicy"]["maxReceiveCount"] == receives, name
        assert queue["KmsMasterKeyId"] and queue["MessageRetentionPeriod"] == 14 * 86400, name


def test_every_subscription_keeps_what_it_cannot_deliver():
    for name, each in resources("AWS::SNS::Subscription").items():
        assert each["Protocol"] == "email" or targets_of(each["RedrivePolicy"]) <= DEAD, name


@each_function
def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_take(function):
    queue, _ = queue_of(function)
    assert QUEUES[queue]["VisibilityTimeout"] >= 6 * functions()[function]["Timeout"]


@each_optional
def test_what_waits_for_quiet_hours_to_end_is_no_dead_letter_before(function):
    """SQS counts 1000 receives at most, hides a message for 12 h at most, and loses what is older than its retention."""
    [longest] = re.findall(r"LOOK_AHEAD_S = (\d+) \* DAY_S", (ROOT / "src/event/quiet_hours.c").read_text())
    queue = QUEUES[queue_of(function)[0]]
    hidden_s, receives = queue["VisibilityTimeout"], queue["RedrivePolicy"]["maxReceiveCount"]
    assert int(longest) * 86400 < hidden_s * receives < queue["MessageRetentionPeriod"] / 2
    assert receives <= 1000 and hidden_s <= 12 * 3600


@each_optional
def test_what_waits_for_quiet_hours_to_end_is_in_a_queue_and_not_with_sns(function):
    for delivery in ("queues", "direct"):
        stack, queue = deployed(**ALL, Delivery=delivery), queue_of(function)[0]
        [subscription] = [each for each in of_kind(stack, "AWS::SNS::Subscription").values() if queue in targets_of(each)]
        assert subscription["Protocol"] == "sqs"
        assert [each for each in of_kind(stack, "AWS::Lambda::EventSourceMapping").values() if queue in targets_of(each)]


def test_a_fifo_topic_has_fifo_queues():
    for fifo in ("yes", "no"):
        stack = deployed(**ALL, SmsGatewayFifo=fifo)
        for each in of_kind(stack, "AWS::SNS::Subscription").values():
            [topic] = targets_of(each["TopicArn"])
            queues = [stack[name]["Properties"] for part in ("Endpoint", "RedrivePolicy") for name in targets_of(each[part])]
            wanted = stack[topic]["Properties"].get("FifoTopic", False)
            assert [(queue.get("FifoQueue", False), queue["QueueName"].endswith(".fifo")) for queue in queues] == [(wanted, wanted)] * 2
        assert stack["SmsGatewayTopic"]["Properties"].get("FifoTopic", False) == (fifo == "yes")


@each_usual
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
    asks = {"donation-handler": {"SmsGatewayTopic", "TtsFallbackTopic"}, "sms-gateway": {"TtsFallbackTopic"}}
    [dead] = targets_of(QUEUES[queue]["RedrivePolicy"])
    given_up = set() if function in OPTIONAL else {("sqs:SendMessage", dead)}
    assert may == given_up | {("kms:Decrypt", "Key"), ("kms:GenerateDataKey", "Key"),
                              ("logs:CreateLogStream", log), ("logs:PutLogEvents", log),
                              *(("sns:Publish", topic) for topic in asks.get(function, ())),
                              *((f"sqs:{verb}", queue) for verb in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"))}


def test_texts_go_out_by_aws_with_the_senders_that_are_named_and_no_others():
    senders = ["arn:aws:sms-voice:us-east-1:123456789012:phone-number/a", "arn:aws:sms-voice:us-east-1:123456789012:pool/b"]
    said = lambda **parameters: [each for each in statements_of(role_of("sms-gateway", **parameters)) if each["Action"] == "sms-voice:SendTextMessage"]
    assert [each["Resource"] for each in said(SmsAwsArns=",".join(senders))] == [senders]
    assert said() == []


def test_queues_take_messages_from_their_topic_alone():
    for each in resources("AWS::SQS::QueuePolicy").values():
        [statement] = each["PolicyDocument"]["Statement"]
        assert statement["Action"] == "sqs:SendMessage"
        [topic] = targets_of(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        queues = {name.removesuffix("-dead") for queue in targets_of(each["Queues"]) for name in names_in(QUEUES[queue]["QueueName"])}
        assert names_in(resources("AWS::SNS::Topic")[topic]["TopicName"]) == queues


# ---- settings ----

@each_function
def test_every_variable_is_a_setting_and_those_of_the_original_are_there(function):
    variables = set(functions()[function]["Environment"]["Variables"])
    assert variables <= set(settings())
    assert not [name for name in variables if RESERVED.match(name)]
    assert SEEDS[function] <= variables


@each_function
def test_everything_that_a_function_does_not_start_without_is_told_to_it(function):
    [source] = [file for file in (ROOT / "src/lambda" / function).glob("*.c") if file.name != "main.c"]
    [required] = re.findall(r"required\[\] = \{(.*), NULL\}", source.read_text())
    told = set(functions()[function]["Environment"]["Variables"])
    for names in re.findall(r'"([^"]+)"', required):
        assert told & set(names.split("|")), names


def test_every_setting_that_a_provider_needs_is_told_to_the_gateway():
    sources = "".join(file.read_text() for file in (ROOT / "src/adapter").glob("sms_*.c"))
    needed = {name for names in re.findall(r"needs\[\] = \{(.*)NULL\}", sources) for name in re.findall(r'"(\w+)"', names)}
    told = set(variables_of("sms-gateway", **ALL))
    assert "TWILIO_AUTH_TOKEN" in needed and needed <= told
    names = re.search(r"\(\(([a-z|]+)\)", TEMPLATE["Parameters"]["SmsProviders"]["AllowedPattern"])[1].split("|")
    assert set(names) == set(re.findall(r'SmsProvider sms_\w+ = \{\.name = "(\w+)"', sources))


@each_function
def test_what_nobody_gives_is_what_the_program_does_by_itself(function):
    for name, value in functions()[function]["Environment"]["Variables"].items():
        parameter = TEMPLATE["Parameters"].get(value["Ref"]) if set(value) == {"Ref"} else None
        assert parameter is None or str(parameter.get("Default", defaults()[name])) == defaults()[name], name


def test_the_names_of_variables_leave_room_for_their_values():
    """Lambda takes 4 KB of both; the largest value is a private key of some 1,700 bytes."""
    for function in functions().values():
        assert sum(len(name) for name in function["Environment"]["Variables"]) < 1024


SECRETS = [  # what is used, and what the secret must have for it: a key that is not there fails the deployment
    ({}, set()),
    ({"TwilioAccountSid": "AC1"}, {"TWILIO_AUTH_TOKEN"}),
    ({"VonageApplicationId": "id"}, {"VONAGE_PRIVATE_KEY"}),
    ({"VonageApiKey": "key"}, {"VONAGE_API_SECRET"}),
    ({"PlivoAuthId": "MA1"}, {"PLIVO_AUTH_TOKEN"}),
    ({"SmsHttpUrl": "https://gateway.example"}, {"PLEDGELINE_SMS_HTTP_HEADERS"}),
    ({"TwilioAccountSid": "AC1", "PlivoAuthId": "MA1"}, {"TWILIO_AUTH_TOKEN", "PLIVO_AUTH_TOKEN"}),
]


def keys_asked_for(function, **parameters):
    variables = variables_of(function, SecretArn="arn:secret", **{**ALL, **parameters})
    return {key for value in variables.values() for key in re.findall(r":SecretString:(\w+):", json.dumps(value))}


@pytest.mark.parametrize("used, keys", SECRETS)
def test_the_secret_is_asked_for_the_providers_that_are_used_alone(used, keys):
    assert keys_asked_for("sms-gateway", **used) == {"REDIS_URL", "DATABASE_URL"} | keys


@pytest.mark.parametrize("interface, key", [("ari", "PLEDGELINE_ARI_URL"), ("ami", "PLEDGELINE_AMI_URL")])
def test_the_secret_is_asked_for_the_interface_of_asterisk_that_is_used_alone(interface, key):
    assert keys_asked_for("tts-fallback", Asterisk=interface) == {"REDIS_URL", "DATABASE_URL", key}


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


@each_optional
def test_what_waits_for_two_days_before_it_is_a_dead_letter_is_told_before(function):
    """What can never succeed, and what is away: by the metric of the one, and by the log, whose lines of errors are all of the other."""
    [name] = [name for name, each in resources("AWS::Logs::LogGroup").items() if each["LogGroupName"] == f"/aws/lambda/{function}"]
    [lines] = [each for each in resources("AWS::Logs::MetricFilter").values() if targets_of(each["LogGroupName"]) == {name}]
    assert lines["FilterPattern"] == '{ $.level = "error" }' and 'LOG_ERROR, "dependency is away"' in (ROOT / "src/base/breaker.c").read_text()
    alarms = [each for each in resources("AWS::CloudWatch::Alarm").values() if each.get("Namespace") == "Pledgeline"]
    watched = [(each["MetricName"], json.dumps(each.get("Dimensions", []))) for each in alarms if each["Threshold"] == 0]
    assert ("Rejects", json.dumps([{"Name": "service", "Value": function}])) in watched
    assert [(each["MetricName"], "[]") in watched for each in lines["MetricTransformations"]] == [True]


def test_every_metric_of_ours_that_is_watched_is_one_that_is_sent():
    watched = {each["MetricName"] for each in resources("AWS::CloudWatch::Alarm").values() if each.get("Namespace") == "Pledgeline"}
    metrics = [json.loads(row) for row in rows_of(deployed(**ALL))]
    watched |= {metric[1] for metric in metrics if metric[0] == "Pledgeline"}
    counted = {each["MetricName"] for lines in resources("AWS::Logs::MetricFilter").values() for each in lines["MetricTransformations"]}
    assert len(watched) > 10 and watched <= emf_names() | counted
    assert {metric[3] for metric in metrics if metric[2] in ("service", "FunctionName")} == set(FUNCTIONS)


@each_function
def test_the_dashboard_shows_each_function_with_its_queue_and_its_dead_letters(function):
    rows, (queue, _) = "\n".join(rows_of(deployed(**ALL))), queue_of(function)
    [dead] = targets_of(QUEUES[queue]["RedrivePolicy"])
    for metric, name in (("ApproximateAgeOfOldestMessage", queue), ("ApproximateNumberOfMessagesVisible", dead)):
        known_as = f"${{{name}.QueueName}}" if function in OPTIONAL else QUEUES[name]["QueueName"]
        assert json.dumps(["AWS/SQS", metric, "QueueName", known_as]) in rows
    for metric in ("Errors", "Throttles", "Duration"):
        assert json.dumps(["AWS/Lambda", metric, "FunctionName", function]) in rows
    for metric in ("Rejects", "Retries", "DuplicatesDropped"):
        assert json.dumps(["Pledgeline", metric, "service", function]) in rows


def test_every_alarm_is_sent_to_somebody():
    for name, each in resources("AWS::CloudWatch::Alarm").items():
        assert targets_of(each["AlarmActions"]) == {"AlarmTopic"} and each["TreatMissingData"] == "notBreaching", name


def test_no_log_is_kept_for_ever():
    groups = resources("AWS::Logs::LogGroup").values()
    assert {each["LogGroupName"] for each in groups} == {f"/aws/lambda/{function}" for function in FUNCTIONS}
    assert all(each["RetentionInDays"] for each in groups)
