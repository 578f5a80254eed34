"""Where a backtest's columns are computed: DuckDB, Polars or Spark, each behind Ibis, with what differs between them."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import ibis
import pyarrow as pa

#: Ibis's name by the name that people give.
ENGINES = {"duckdb": "duckdb", "polars": "polars", "spark": "pyspark"}
_BATCH = 65_536


class Backend(Protocol):
    """`name` is Ibis's. Relations are read from Parquet files or put in from Arrow; answers come in batches."""

    name: str

    def read(self, files: list[str]) -> Any: ...
    def put(self, name: str, table: pa.Table) -> Any: ...
    def batches(self, expression: Any) -> Iterator[pa.RecordBatch]: ...
    def close(self) -> None: ...


class OnDuckDb:
    """In this process; spills to `work` beyond `memory`."""

    name = "duckdb"

    def __init__(self, memory: str, work: Path) -> None:
        self._number = 0
        self._made: list[str] = []
        spill = work / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        self.connection = ibis.duckdb.connect(
            memory_limit=memory,
            temp_directory=str(spill),
            preserve_insertion_order=False,
            autoinstall_known_extensions=False,
        )

    def read(self, files: list[str]) -> Any:
        return self.connection.read_parquet(files, union_by_name=True)

    def put(self, name: str, table: pa.Table) -> Any:
        self.connection.con.register(name, table)
        return self.connection.table(name)

    def with_columns(self, table: Any, columns: Mapping[str, Any]) -> Any:
        """A view with columns more, which the query over it computes once."""
        name = self.name_of("view")
        query = self.connection.compile(table.mutate(**columns))
        self.connection.con.execute(f"CREATE TEMP VIEW {name} AS {query}")
        self._made.append(f"VIEW {name}")
        return self.connection.table(name)

    def keep(self, query: str) -> Any:
        """A temporary table of what SQL says."""
        name = self.name_of("kept")
        self._made.append(f"TABLE {name}")
        self.connection.con.execute(f"CREATE TEMP TABLE {name} AS {query}")
        return self.connection.table(name)

    def sql(self, expression: Any) -> str:
        return str(self.connection.compile(expression))

    def append(self, name: str, table: pa.Table) -> None:
        """Add rows to a temporary table, which is made where it is not there."""
        connection = self.connection.con
        self._made.append(f"TABLE {name}")
        connection.register("appended", table)
        connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS SELECT * FROM appended LIMIT 0")  # noqa: S608
        connection.execute(f"INSERT INTO {name} SELECT * FROM appended")  # noqa: S608 - a name of our own
        connection.unregister("appended")

    def drop(self, name: str) -> None:
        self.connection.con.execute(f"DROP TABLE IF EXISTS {name}")

    def forget(self) -> None:
        """Drop all views and tables that were made."""
        for made in reversed(dict.fromkeys(self._made)):
            self.connection.con.execute(f"DROP {made.replace(' ', ' IF EXISTS ')}")
        self._made = []

    def one_thread(self) -> bool:
        """Work on one thread from now on, which takes less memory; whether there were more."""
        (threads,) = self.connection.con.execute("SELECT current_setting('threads')").fetchone()
        self.connection.con.execute("SET threads = 1")
        return bool(threads > 1)

    def name_of(self, what: str) -> str:
        """A name that nothing has yet."""
        self._number += 1
        return f"{what}_{self._number}"

    def batches(self, expression: Any) -> Iterator[pa.RecordBatch]:
        yield from self.connection.con.sql(self.connection.compile(expression)).to_arrow_reader(_BATCH)

    def close(self) -> None:
        self.connection.disconnect()


class OnPolars:
    """In this process, a day's worth of columns in memory."""

    name = "polars"

    def __init__(self, memory: str, work: Path) -> None:
        self.connection = ibis.polars.connect()

    def read(self, files: list[str]) -> Any:
        import polars

        frame = polars.scan_parquet(files, missing_columns="insert", extra_columns="ignore")
        self._number = getattr(self, "_number", 0) + 1
        return self.connection.create_table(f"read_{self._number}", frame)

    def put(self, name: str, table: pa.Table) -> Any:
        return self.connection.create_table(name, table, overwrite=True)

    def batches(self, expression: Any) -> Iterator[pa.RecordBatch]:
        yield from self.connection.to_pyarrow(expression).to_batches(_BATCH)

    def close(self) -> None:
        self.connection.disconnect()


class OnSpark:
    """A Spark session: local where SPARK_REMOTE and the cluster's own settings say nothing else."""

    name = "pyspark"

    def __init__(self, memory: str, work: Path) -> None:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.appName("safehold backtest").config("spark.sql.session.timeZone", "UTC")
        builder = builder.config("spark.driver.memory", spark_memory(memory)).config("spark.ui.enabled", "false")
        # Functions over Arrow arrays run in Python processes of the executors, which must find Safehold: on a cluster it is
        # installed there; on this machine they are told where it is.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.config("spark.executorEnv.PYTHONPATH", str(Path(__file__).parents[2]))
        builder = builder.config("spark.sql.shuffle.partitions", "8").config("spark.local.dir", str(work / "spark"))
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")
        self.connection = ibis.pyspark.connect(self.session)

    def read(self, files: list[str]) -> Any:
        self._number = getattr(self, "_number", 0) + 1
        name = f"read_{self._number}"
        frame = self.session.read.option("mergeSchema", "true").parquet(*files)
        frame.createOrReplaceTempView(name)
        return self.connection.table(name)

    def put(self, name: str, table: pa.Table) -> Any:
        self.session.createDataFrame(table).createOrReplaceTempView(name)
        return self.connection.table(name)

    def batches(self, expression: Any) -> Iterator[pa.RecordBatch]:
        yield from self.connection.to_pyarrow(expression).to_batches(_BATCH)

    def close(self) -> None:
        self.session.stop()


def spark_memory(memory: str) -> str:
    """`2GB` as Spark writes it: `2g`."""
    return memory.strip().lower().removesuffix("b")


_BACKENDS: dict[str, type[OnDuckDb] | type[OnPolars] | type[OnSpark]] = {
    "duckdb": OnDuckDb, "polars": OnPolars, "spark": OnSpark,
}  # fmt: skip


def backend(engine: str, memory: str, work: Path) -> Backend:
    """The backend of that name, one of ENGINES. Raises KeyError."""
    return _BACKENDS[engine](memory, work)
