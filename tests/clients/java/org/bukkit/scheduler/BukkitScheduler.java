package org.bukkit.scheduler;

import java.util.concurrent.Executor;
import org.bukkit.plugin.Plugin;

public interface BukkitScheduler {
    Executor getMainThreadExecutor(Plugin plugin);
}
