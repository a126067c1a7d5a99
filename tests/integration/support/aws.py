"""The stock AWS clients, pointed at a server under test."""
import os
import subprocess

import boto3
from botocore.config import Config

ARN = "arn:aws:sns:us-east-1:123456789012:"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1",
               "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def aws(server, *arguments, key="any"):
    """/usr/bin/aws … --endpoint-url <server>"""
    return subprocess.run(["/usr/bin/aws", *arguments, "--endpoint-url", server.url], text=True, capture_output=True, timeout=120,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **CREDENTIALS, "AWS_ACCESS_KEY_ID": key})


def sns(server, key="any", **config):
    # One try: a test wants to see the answer, not what a retry makes of it.
    return boto3.client("sns", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id=key,
                        aws_secret_access_key="any", config=Config(retries={"total_max_attempts": 1}, **config))
