"""Many prompts under a rate limit: ours, `abatch`, bare Ray Data and `ray.data.llm`."""
