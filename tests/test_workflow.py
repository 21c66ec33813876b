"""The workflow that adopters copy does here, line by line, what it would do on GitHub's runner."""

import json
import subprocess
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

import invoke.util
import pytest
from checkout import PATIENCE, REPOSITORY, Checkout

FILE = REPOSITORY / "docs/examples/deploy.yml"
SECRET = "smtp://mail.example/kept-to-itself"
yaml: Any = invoke.util.yaml  # the copy that Invoke brings along


class Runner:
    """Runs a job's shell lines as GitHub does, and finds what the job keeps."""

    def __init__(self, checkout: Checkout, temp: Path) -> None:
        self.checkout, self.temp = checkout, temp
        self.workflow: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
        temp.mkdir()

    def run(self, name: str) -> None:
        """Run all but the installation, which the tests have done."""
        job = self.workflow["jobs"][name]
        for step in job["steps"]:
            if not step.get("run", "pip ").startswith("pip "):
                env = self.environment(job, step)
                words = ["bash", "-e", "-c", step["run"]]
                done = subprocess.run(
                    words, cwd=self.checkout.root, env=env, capture_output=True, timeout=PATIENCE
                )
                assert done.returncode == 0, f"{step['run']}\n{done.stdout!r}\n{done.stderr!r}"

    def environment(self, job: dict[str, Any], step: dict[str, Any]) -> dict[str, str]:
        """The variables of a step, with what GitHub would put into them."""
        given = self.workflow["env"] | job.get("env", {}) | step.get("env", {})
        known = {"${{ vars.DEPLOY_TARGET }}": "local", "${{ secrets.MAIL_URL }}": SECRET}
        mine = {"RUNNER_TEMP": str(self.temp), "XDG_STATE_HOME": str(self.checkout.state_home)}
        return self.checkout.env | {k: known.get(v, v) for k, v in given.items()} | mine

    def kept(self, name: str) -> Iterator[list[Path]]:
        """Yield the files of each line of the job's artifact."""
        upload = self.workflow["jobs"][name]["steps"][-1]
        for line in upload["with"]["path"].splitlines():
            here = line.replace("${{ runner.temp }}", str(self.temp))
            here = here.replace("/tmp/state", str(self.checkout.state_home))
            found = glob(f"{here}*" if here.endswith("/") else here)
            yield [Path(one) for one in found]


@pytest.fixture
def runner(fresh: Checkout, tmp_path: Path) -> Runner:
    """A runner, with a project whose env file is not in git."""
    fresh.configure(secrets={"required": ["MAIL_URL"], "env_file": ".env"})
    fresh.commit("Mail")
    return Runner(fresh, tmp_path / "temp")


def test_a_pull_request_is_deployed_for_real_and_its_result_kept(runner: Runner) -> None:
    runner.run("rehearse")
    [result], logs, reports = runner.kept("rehearse")
    assert json.loads(result.read_text("utf-8").splitlines()[-1])["ok"] is True
    assert logs and reports


def test_a_push_is_deployed_with_the_real_secret_which_nothing_that_is_kept_shows(
    runner: Runner,
) -> None:
    runner.run("deploy")
    files = [file for found in runner.kept("deploy") for file in found]
    assert files
    assert not [file for file in files if SECRET in file.read_text("utf-8", "replace")]
    env = {"MAIL_URL": SECRET, "INVOKE_CASTOFF_SECRETS_ENV_FILE": ""}
    assert "none to change" in runner.checkout.inv("--dry", "secrets", env=env).must_end(0).out
