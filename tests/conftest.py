"""Fixtures, and with them TensorFlow, for each process that runs tests: the one that hands them out to others does without."""


def pytest_configure(config):
    lists_fixtures = config.option.showfixtures or config.option.show_fixtures_per_test
    if lists_fixtures or config.getoption("dist", "no") == "no":  # a worker, or -n 0
        config.pluginmanager.import_plugin("tests.fixtures")
