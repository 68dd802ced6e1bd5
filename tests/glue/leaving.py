"""A job that leaves behind whatever a job can, and tells what it found; run by test_job_process.py."""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import boto3
from pyspark.sql import SparkSession

import casts
import lakeferry.feeds
import sparksession

LEFT = "left"


def found(spark: SparkSession) -> dict[str, Any]:
    """Everything an earlier job may have changed."""
    context = spark.sparkContext
    return {
        "arguments": sys.argv[2:],
        "environment": os.environ.get("LEFT_BEHIND"),
        "region": os.environ["AWS_DEFAULT_REGION"],
        "folder": Path.cwd().as_posix(),
        "path": LEFT in sys.path,
        "modules": [getattr(module, LEFT, None) for module in (casts, lakeferry.feeds)],
        "session": boto3.DEFAULT_SESSION is None,
        "views": [table.name for table in spark.catalog.listTables("global_temp")],
        "nothing cached": spark._jsparkSession.sharedState().cacheManager().isEmpty(),
        "persistent": len(context._jsc.getPersistentRDDs()),
        "settings": [spark.conf.get("spark.sql.shuffle.partitions"), spark.conf.get("spark.sql.session.timeZone")],
        "properties": [context.getLocalProperty(f"spark.{name}") for name in ("jobGroup.id", "scheduler.pool")],
        "function": spark.catalog.functionExists("left_behind"),
    }


def leave(spark: SparkSession) -> None:
    """Changes all of it."""
    context = spark.sparkContext
    rows = spark.range(3)
    rows.createOrReplaceTempView(LEFT)
    rows.createOrReplaceGlobalTempView(f"{LEFT}_to_all")
    spark.sql(f"CACHE TABLE {LEFT}")
    context.parallelize([1]).persist().count()
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    context.setJobGroup(LEFT, LEFT)
    context.setLocalProperty("spark.scheduler.pool", LEFT)
    spark.udf.register("left_behind", lambda: 1)


def main(what: str) -> None:
    """Leaves things; or goes on for ever, or leaves a thread, or ends Spark, or fails; or only tells its process."""
    if what == "tell":
        print(json.dumps({"pid": os.getpid()}))
        return
    spark = sparksession.spark_session()
    before = found(spark)
    if what == "leave":
        leave(spark)
        os.environ["LEFT_BEHIND"] = "1"
        os.environ["AWS_DEFAULT_REGION"] = LEFT
        sys.path.append(LEFT)
        for module in (casts, lakeferry.feeds):
            setattr(module, LEFT, 1)
        boto3.setup_default_session(region_name=LEFT)
        os.chdir("/")
    print("not the report")
    print(json.dumps({"pid": os.getpid(), "before": before, "after": found(spark)}), flush=True)
    if what == "wait":
        Path(sys.argv[2]).touch()
        spark._jvm.java.lang.Thread.sleep(600_000)
    if what == "thread":
        threading.Thread(target=time.sleep, args=(600,)).start()
    if what == "stop":
        spark.stop()
    if what == "fail":
        sys.stderr.write("a line before the end\n")
        raise ValueError("what a person needs")
    if what == "exit":
        sys.exit(3)


if __name__ == "__main__":
    main(sys.argv[1])
